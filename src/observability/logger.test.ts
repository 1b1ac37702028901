import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { REDACTED } from './redact.ts';

const JWT = 'eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJyb29tIjoid2Vla2x5In0.c2lnbmF0dXJl-_x';

async function logged(
  write: (logger: Awaited<ReturnType<typeof createLogger>>) => void,
  options: { pretty?: boolean; level?: 'info' | 'debug' } = {},
): Promise<string> {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const { pretty = false, level = 'info' } = options;
  write(await createLogger({ level, pretty, base: { node: 'n1', datacenter: 'fra' }, stream }));
  return lines.join('');
}

function record(line: string): Record<string, unknown> {
  return JSON.parse(line);
}

describe('records', () => {
  it('are one line of JSON with the node, the level as a word and the time', async () => {
    const text = await logged((logger) => logger.warn({ code: 'region_refused' }, 'decision'));
    expect(text.endsWith('\n')).toBe(true);
    expect(record(text)).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      node: 'n1',
      datacenter: 'fra',
      code: 'region_refused',
      msg: 'decision',
    });
  });

  it('below the level are not written', async () => {
    expect(await logged((logger) => logger.debug({}, 'x'))).toBe('');
    expect(await logged((logger) => logger.debug({}, 'x'), { level: 'debug' })).not.toBe('');
  });

  it('are for people where that is asked for', async () => {
    const text = await logged((logger) => logger.info({ code: 'admitted' }, 'decision'), { pretty: true });
    expect(text).toMatch(/^\[[\d:.]+\] INFO: decision .*"code":"admitted"/);
  });
});

describe('redaction', () => {
  it.each([
    'token',
    'joinToken',
    'resume_token',
    'authorization',
    'Authorization',
    'cookie',
    'sec-websocket-protocol',
    'x-forwarded-for',
    'iceParameters',
    'iceCandidates',
    'dtlsParameters',
    'srtpParameters',
    'usernameFragment',
    'fingerprints',
    'privateKey',
    'password',
    'address',
    'ip',
    'remoteAddress',
    'displayName',
    'name',
    'text',
  ])('takes out %s at any depth', async (key) => {
    const fields = {
      [key]: 'seekrit',
      a: { [key]: { b: 'seekrit' } },
      list: [{ deep: { [key]: ['seekrit'] } }],
    };
    const text = await logged((logger) => logger.info(fields, 'x'));
    expect(text).not.toContain('seekrit');
    expect(record(text)).toMatchObject({
      [key]: REDACTED,
      a: { [key]: REDACTED },
      list: [{ deep: { [key]: REDACTED } }],
    });
  });

  it('leaves what a decision is made of', async () => {
    const decision = {
      step: 'join',
      code: 'region_refused',
      home: 'us',
      evidence: ['us', 'cn'],
      jti: '12345678…',
    };
    const text = await logged((logger) => logger.info({ decision }, 'decision'));
    expect(record(text).decision).toEqual(decision);
  });

  it('reaches the fields of child loggers', async () => {
    const text = await logged((logger) => logger.child({ token: 'seekrit', room: 'abc' }).info({}, 'x'));
    expect(text).not.toContain('seekrit');
    expect(record(text)).toMatchObject({ token: REDACTED, room: 'abc' });
  });

  it.each([false, true])('takes tokens out wherever they stand (pretty: %s)', async (pretty) => {
    const text = await logged(
      (logger) => {
        logger.error({ err: new Error(`cannot verify ${JWT}`) }, 'x');
        logger.info({ url: `wss://a.example/?t=${JWT}`, offered: ['watershed.v1', `bearer.${JWT}`] }, 'x');
        logger.info(`token ${JWT} came`);
        logger.child({ url: JWT }).info({}, 'x');
      },
      { pretty },
    );
    expect(text).not.toContain(JWT);
    expect(text).not.toContain('c2lnbmF0dXJl');
    expect(text.split(REDACTED).length - 1).toBeGreaterThanOrEqual(5);
  });

  it.each([false, true])(
    'tells what an error says, and nothing that a library hangs on it (pretty: %s)',
    async (pretty) => {
      const error = Object.assign(new Error('WRONGPASS', { cause: new Error('the cause') }), {
        code: 'EREDIS',
        command: { name: 'auth', args: ['seekrit'] },
        address: 'seekrit',
      });
      const text = await logged(
        (logger) => {
          logger.warn({ err: error }, 'x');
          logger.warn({ err: new AggregateError([new Error('one'), new Error('two')], 'all') }, 'y');
        },
        { pretty },
      );
      expect(text).not.toContain('seekrit');
      for (const told of ['WRONGPASS', 'the cause', 'EREDIS', 'logger.test.ts', 'Error: two']) {
        expect(text).toContain(told);
      }
    },
  );

  it('survives what cannot be copied for ever', async () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(await logged((logger) => logger.info({ loop }, 'x'))).toContain('[too deep]');
  });
});
