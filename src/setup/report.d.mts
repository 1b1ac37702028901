export function say(text: string): void;
export function duration(ms: number): string;
export function createMeter(
  label: string,
  options?: { stream?: { isTTY?: boolean; write(text: string): unknown }; quietMs?: number },
): { update(percent: number | undefined, now?: string): void; done(): void; stop(): void };
