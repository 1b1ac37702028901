import './zod-setup.ts';
import { startApp } from './app.ts';
import './style.css';

const root = document.querySelector('#app');
if (root instanceof HTMLElement) void startApp(root);
