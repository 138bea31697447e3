/** Waits for something to become true, with a generous end. */

/** Less than a unit test may take, so that what was waited for is told. */
const WITHIN_MS = 50_000;
const POLL_MS = 10;

export async function waitFor(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  withinMs = WITHIN_MS,
): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  while (Date.now() < deadlineMs) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited in vain: ${what}`);
}
