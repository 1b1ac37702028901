/** How often it is looked whether the launcher is still there, in ms. */
const LOOK_MS = 250;

/**
 * Calls back once when the shell that `npx` starts us by is gone: a signal to npx ends that shell, which passes
 * nothing on, and we would be left behind. Without npx nothing is watched: whoever starts us and leaves means it.
 */
export function onLauncherGone(listener: () => void): void {
  if (process.env.npm_command !== 'exec') return;
  const launcher = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === launcher) return;
    clearInterval(timer);
    listener();
  }, LOOK_MS);
  timer.unref();
}
