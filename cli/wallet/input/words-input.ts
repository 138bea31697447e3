/** A wallet's words as a person types or pastes them: on one line or on many, with Tab, and kept until they fit together. */
import { createInterface } from "node:readline";
import { MNEMONIC_WORD_COUNTS, MNEMONIC_WORDS, parseMnemonic } from "../../../bitcoin/keys/mnemonic.ts";
import { nearest } from "../../../runtime/config/config-schema.ts";
import { misuse } from "../../errors.ts";
import { readNamed } from "../../named-file.ts";
import { paintOf, say, type Terminal, widthOf } from "../../terminal-io.ts";
import { wrap } from "../../view/terminal.ts";
import { givenUp, needTerminal } from "./secret-input.ts";

const WORDS_BYTES_MAX = 4_000;
/** What is pasted comes at once: when nothing more comes for so long, the words that fit are all of them. */
const PASTE_MS = 60;

export async function recoveryWords(wordsFile: string | undefined, terminal: Terminal): Promise<string> {
  if (wordsFile === undefined) return askWords(terminal);
  const text = wordsIn(readNamed(wordsFile, WORDS_BYTES_MAX).toString("utf8")).join(" ");
  const problem = wordsProblem(text);
  if (problem !== undefined) {
    throw misuse(`The words in ${wordsFile === "-" ? "the pipe" : wordsFile} are no wallet's: ${problem}.`);
  }
  return text;
}

/** Why these are not a wallet's words; undefined when they are. They stand before the person who typed them, so it may name them. */
export function wordsProblem(text: string): string | undefined {
  const words = wordsIn(text);
  const at = words.findIndex((word) => !MNEMONIC_WORDS.includes(word));
  if (at !== -1) {
    const word = words[at] as string;
    const meant = nearest(word, MNEMONIC_WORDS);
    const hint = meant === undefined ? "" : `; perhaps it is "${meant}"`;
    return `word ${at + 1}, "${word.slice(0, 20)}", is not in BIP39's English list${hint}`;
  }
  if (!MNEMONIC_WORD_COUNTS.includes(words.length)) {
    return `${words.length === 1 ? "1 word" : `${words.length} words`} so far; there have to be 12, 15, 18, 21 or 24`;
  }
  try {
    parseMnemonic(words.join(" "));
    return undefined;
  } catch {
    // All words are known and there are enough of them: it is the check that the last one holds.
    return "they do not fit together: one of them is wrong, or two have changed places";
  }
}

/** The word that is being typed, as the list goes on; what the shell's readline expects. */
export function completedWords(line: string): [string[], string] {
  const typed = /\S*$/.exec(line)?.[0].toLowerCase() ?? "";
  const fitting = typed === "" ? [] : MNEMONIC_WORDS.filter((word) => word.startsWith(typed));
  return [fitting.length === 1 ? [`${fitting[0]} `] : fitting, typed];
}

/** They are shown as they are typed: whoever recovers a wallet has them before their eyes anyway, and must see mistakes. */
function askWords(terminal: Terminal): Promise<string> {
  needTerminal(terminal, "Use --words-file <file>, or --words-file - to read them from a pipe.");
  const { stdin: input, stdout: output } = terminal;
  const paint = paintOf(terminal);
  say(terminal, paint("strong", "The words, parted by blanks or line ends (Tab completes one)"));
  return new Promise((resolve, reject) => {
    // Kept in no history: neither in a file nor under the arrow keys.
    const lines = createInterface({ input, output, completer: completedWords, historySize: 0, prompt: "> " });
    let fitting = "";
    let accepting: NodeJS.Timeout | undefined;
    const settle = (end: () => void) => {
      clearTimeout(accepting);
      lines.removeAllListeners("close");
      lines.close();
      end();
    };
    lines.on("line", (line) => {
      clearTimeout(accepting);
      const text = wordsIn(`${fitting} ${line}`).join(" ");
      const problem = text === "" ? undefined : wordsProblem(text);
      fitting = "";
      if (text !== "" && problem === undefined) {
        fitting = text;
        accepting = setTimeout(() => settle(() => resolve(text)), PASTE_MS);
        return;
      }
      for (const row of wrap(problem ?? "", widthOf(terminal))) say(terminal, paint("warn", row));
      lines.prompt();
      // It is there to be mended, and the next line of what is pasted goes on behind it.
      if (text !== "") lines.write(`${text} `);
    });
    lines.on("close", () => {
      say(terminal);
      settle(() => reject(givenUp()));
    });
    lines.on("SIGINT", () => lines.close());
    lines.prompt();
  });
}

function wordsIn(text: string): string[] {
  return text.normalize("NFKD").toLowerCase().split(/\s+/).filter(Boolean);
}
