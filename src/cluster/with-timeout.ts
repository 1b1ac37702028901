/** What the promise comes to; rejects after `ms` without it. `from` is whose answer it is, for the message. */
export async function withTimeout<T>(promise: Promise<T>, ms: number, from: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from ${from} in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
