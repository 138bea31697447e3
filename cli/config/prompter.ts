/** Whoever puts questions to a person, and the terminal as one. */

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Undefined means that the person has gone away. */
export interface Prompter {
  select(message: string, choices: readonly Choice[], initial: string): Promise<string | undefined>;
  text(
    message: string,
    initial: string,
    validate: (answer: string) => string | undefined,
  ): Promise<string | undefined>;
  /** Typed unseen. */
  secret(message: string, validate: (answer: string) => string | undefined): Promise<string | undefined>;
  tell(lines: readonly string[]): void;
}

/** Questions on the terminal. Loaded only when somebody is asked. */
export async function terminalPrompter(): Promise<Prompter> {
  const { isCancel, log, password, select, text } = await import("@clack/prompts");
  const orGone = (answer: unknown) => (isCancel(answer) || typeof answer !== "string" ? undefined : answer);
  return {
    select: async (message, choices, initialValue) =>
      orGone(await select({ message, initialValue, options: choices.map((choice) => ({ ...choice })) })),
    text: async (message, initialValue, validate) =>
      orGone(await text({ message, initialValue, validate: (answer) => validate(answer ?? "") })),
    secret: async (message, validate) =>
      orGone(await password({ message, validate: (answer) => validate(answer ?? "") })),
    tell: (lines) => log.message(lines.join("\n")),
  };
}
