/** Keeps the screen on during a call where the browser can; returns what lets it sleep again. */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | undefined;
  let done = false;
  const ask = async () => {
    if (!('wakeLock' in navigator) || document.visibilityState !== 'visible' || done) return;
    // Refused on a low battery: then the screen goes dark, and nothing else happens.
    const fresh = await navigator.wakeLock.request('screen').catch(() => undefined);
    if (done) void fresh?.release();
    else lock = fresh;
  };
  // The lock is lost whenever the tab is hidden.
  const onVisible = () => void ask();
  document.addEventListener('visibilitychange', onVisible);
  void ask();
  return () => {
    done = true;
    document.removeEventListener('visibilitychange', onVisible);
    void lock?.release();
  };
}
