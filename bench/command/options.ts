/** What the command lines of all benchmarks, fuzzers and kill runs have in common: their help, and one clear line for what they do not know. */
import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type ValuesOf<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>["values"];

/** Reads the command line. Ends the process after the help (0), and after a misuse with its reason and the help (2). */
export function readOptions<const O extends Options>(help: string, options: O): ValuesOf<O> {
  const common = {
    /** Most print nothing but JSON: it is taken everywhere, so that nobody has to remember where. */
    json: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values } = parseArgs({ options: { ...common, ...options } as Options });
    if (values["help"] !== true) return values as ValuesOf<O>;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    refuse(error.message, help);
  }
  process.stdout.write(help);
  process.exit(0);
}

/** Ends the process: what was wrong, and how it is done. */
export function refuse(reason: string, help: string): never {
  process.stderr.write(`${reason}\n\n${help}`);
  process.exit(2);
}
