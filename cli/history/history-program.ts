/** `supervisor history` with its options, help and examples. What it does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const commands = () => import("./history-command.ts");

export function addHistory(
  program: Command,
  { terminal, exitWith, withPlace, examples }: ProgramTools,
): void {
  withPlace(program.command("history"))
    .summary("what all coinjoins did, and why some failed")
    .description(
      "Shows the coinjoins of all wallets that are unlocked here, asked for and served, and those that the taker has tried: what was mixed, what it cost or earned, with how many, and whether a block has it. The newest come first. Takers that a maker here served in vain are told too: how far they came, and which coins they were promised.",
    )
    .option(
      "-w, --wallet <name>",
      "only of this wallet; its password is asked for where it is not unlocked here",
    )
    .option("--password-file <file>", "read the password from its first line; - is the pipe")
    .option("-n, --lines <number>", "at most so many", "30")
    .option("--failed", "only those that came to nothing")
    .option("--json", "answer as JSON")
    .addHelpText(
      "after",
      examples(
        ["supervisor history", ""],
        ["supervisor history --failed -n 5", "what went wrong lately"],
        ["supervisor history --wallet savings --json", "for scripts"],
        ["supervisor wallet history", "payments and deposits too, of one wallet"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).history(options, terminal)));
}
