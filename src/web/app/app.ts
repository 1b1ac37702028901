import { browserEnvironment } from '../../client/browser.ts';
import { WatershedClient } from '../../client/client.ts';
import { DirectoryMemory } from '../../client/directory-memory.ts';
import { type Problem, problemOfCatalogue } from '../../client/problem.ts';
import { CONFIG_PATH, type PageConfig, pageConfigSchema, ROOM_PATH_PREFIX } from '../page-config.ts';
import { type Call, startCall } from './call.ts';
import { LocalMedia } from './devices/local-media.ts';
import { createLobby, type JoinChoice } from './lobby/lobby.ts';
import { proposeRoom, roomFromInput } from './lobby/room-name.ts';
import { createEndScreen } from './screens/end-screen.ts';
import type { Ending } from './screens/ending.ts';
import { loadSettings, type Settings } from './settings.ts';
import { fetchDevToken, followLinks, type ShownClaims, shownClaims, takeToken } from './token.ts';

/** What the address and the server told this page when it was opened. */
interface Start {
  readonly config: PageConfig;
  readonly settings: Settings;
  /** The join token of the link; null where the page asks for development tokens. */
  readonly token: string | null;
  readonly claims: ShownClaims | undefined;
  /** The room of the path, or of the token. */
  readonly room: string;
}

/** Shows the page: lobby, call, end, and the way between them. One screen at a time. */
export async function startApp(root: HTMLElement): Promise<void> {
  followLinks(window);
  const token = takeToken(
    window.location,
    (address) => window.history.replaceState(null, '', address),
    () => window.sessionStorage,
  );
  const config = await loadConfig();
  if (config === undefined) {
    const problem: Problem = {
      code: 'directory_unreachable',
      message: 'The node that served this page does not answer. Try again shortly.',
      retry: true,
    };
    root.replaceChildren(
      endScreen({ kind: 'problem', problem, attempts: [] }, () => window.location.reload()),
    );
    return;
  }
  const claims = token === null ? undefined : shownClaims(token);
  const settings = loadSettings();
  const start: Start = { config, settings, token, claims, room: claims?.room ?? roomOfPath() };
  if (token === null && !config.development) {
    // Nothing can be tried from here: whoever runs the meetings hands out join links.
    const problem: Problem = {
      ...problemOfCatalogue('token_missing'),
      message: 'Open this meeting by the join link that you were given; this page alone cannot let you in.',
    };
    root.replaceChildren(endScreen({ kind: 'problem', problem, attempts: [] }));
    return;
  }
  new Screens(root, start).lobby(start.room);
}

class Screens {
  readonly #root: HTMLElement;
  readonly #start: Start;
  /** Outlives the node that served this page. */
  readonly #memory = new DirectoryMemory();
  /** Closes what is shown; null at the very beginning. */
  #close: (() => void) | null = null;

  constructor(root: HTMLElement, start: Start) {
    this.#root = root;
    this.#start = start;
  }

  lobby(room: string): void {
    const { config, settings, claims, token } = this.#start;
    const media = new LocalMedia(settings);
    let joined = false;
    const view = createLobby({
      config,
      media,
      settings,
      room: { value: room === '' ? proposeRoom() : room, fixed: token !== null },
      name: claims?.name ?? '',
      onJoin: (choice) => {
        joined = true;
        this.#join(choice, media);
      },
    });
    document.title = 'Watershed';
    this.#show(view.element, () => {
      view.close();
      if (!joined) media.close();
    });
    switchOn(media, settings);
  }

  #join(choice: JoinChoice, media: LocalMedia): void {
    const { config, settings, token } = this.#start;
    if (token === null) window.history.replaceState(null, '', roomPath(choice.room));
    document.title = `${choice.room} · Watershed`;
    const call: Call = startCall({
      client: (refreshToken) =>
        new WatershedClient(browserEnvironment(), { refreshToken, memory: this.#memory }),
      config,
      media,
      settings,
      room: choice.room,
      name: choice.name,
      link: token === null ? window.location.origin + roomPath(choice.room) : null,
      token: () => (token === null ? devToken(choice) : Promise.resolve({ ok: true, token })),
      onScreen: (element) => this.#put(element),
      onEnd: (ending) => this.#end(ending, choice),
    });
    this.#show(null, () => call.close());
    call.run();
  }

  #end(ending: Ending, choice: JoinChoice): void {
    const { settings } = this.#start;
    const again = () => {
      const media = new LocalMedia(settings);
      switchOn(media, settings);
      this.#join(choice, media);
    };
    this.#show(
      endScreen(ending, again, () => this.lobby(choice.room)),
      () => undefined,
    );
  }

  #show(element: HTMLElement | null, close: () => void): void {
    this.#close?.();
    this.#close = close;
    if (element !== null) this.#put(element);
  }

  /** Focus goes to the heading of the new screen, so that it is read out and the keyboard begins there. */
  #put(element: HTMLElement): void {
    this.#root.replaceChildren(element);
    const heading = element.querySelector('h1[autofocus]');
    if (heading instanceof HTMLElement) heading.focus({ preventScroll: true });
  }
}

function endScreen(ending: Ending, onAgain?: () => void, onLobby?: () => void): HTMLElement {
  return createEndScreen(ending, {
    onAgain: onAgain ?? (() => window.location.reload()),
    ...(onLobby === undefined ? {} : { onLobby }),
  });
}

/** Devices as the person had them last. */
function switchOn(media: LocalMedia, settings: Settings): void {
  if (settings.get('microphone') === 'on') void media.set('microphone', true);
  if (settings.get('camera') === 'on') void media.set('camera', true);
}

function devToken(choice: JoinChoice) {
  return fetchDevToken({
    room: choice.room,
    name: choice.name,
    role: choice.host ? 'host' : 'participant',
    ...(choice.region === '' ? {} : { region: choice.region }),
  });
}

function roomPath(room: string): string {
  return ROOM_PATH_PREFIX + encodeURIComponent(room);
}

function roomOfPath(): string {
  const { pathname } = window.location;
  if (!pathname.startsWith(ROOM_PATH_PREFIX)) return '';
  try {
    const room = roomFromInput(decodeURIComponent(pathname.slice(ROOM_PATH_PREFIX.length)));
    return room.ok ? room.room : '';
  } catch {
    return '';
  }
}

async function loadConfig(): Promise<PageConfig | undefined> {
  try {
    const response = await fetch(CONFIG_PATH);
    return pageConfigSchema.parse(await response.json());
  } catch {
    return undefined;
  }
}
