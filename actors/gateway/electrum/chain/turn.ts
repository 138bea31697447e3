/** How long work lets others have their turn: everything that waits runs before it goes on. */

export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
