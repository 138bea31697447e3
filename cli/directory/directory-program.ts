/** `supervisor directory …` with its options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const commands = () => import("./directory-commands.ts");

export function addDirectory(
  program: Command,
  { terminal, exitWith, withPlace, examples }: ProgramTools,
): void {
  const directory = program
    .command("directory")
    .summary("see and look after our directory node's makers and takers")
    .description(
      "Shows who is inside our directory node, what it has passed on, and keeps nicks, onion services and addresses out. The directory runs in the sandbox, and elsewhere with `supervisor start --only directory`\nor [placement] directory.",
    );
  const command = (usage: string, summary: string, description: string) =>
    withPlace(directory.command(usage))
      .summary(summary)
      .description(description)
      .option("--json", "answer as JSON");

  command("peers", "the makers and takers inside", "Shows who is inside, those that say most first.")
    .option("-n, --lines <number>", "at most so many", "50")
    .addHelpText(
      "after",
      examples(
        ["supervisor directory peers", ""],
        ["supervisor directory peers --json | jq '.peers[].nick'", "for scripts"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).peers(options, terminal)));
  command(
    "stats",
    "what the directory has done, and how full it is",
    "Shows who came and how they were received, what was passed on and what was not, since its start.",
  ).action(async (options) => exitWith(await (await commands()).stats(options, terminal)));
  command(
    "ban",
    "keep a nick, an onion service or an address out",
    "Keeps it out, over restarts too, and shows out who is inside under it.",
  )
    .argument("<name>", "as `supervisor directory peers` shows it")
    .option("--minutes <number>", "for so long; default: for good")
    .addHelpText(
      "after",
      examples(
        ["supervisor directory ban J5D7wbEWpGZCy3Zv", ""],
        ["supervisor directory ban 192.0.2.7 --minutes 60", ""],
      ),
    )
    .action(async (name, options) => exitWith(await (await commands()).ban(name, options, terminal)));
  command("unban", "let somebody in again", "Lifts a ban, the operator's or the directory's own.")
    .argument("<name>", "as `supervisor directory bans` shows it")
    .action(async (name, options) => exitWith(await (await commands()).unban(name, options, terminal)));
  command(
    "bans",
    "who is kept out",
    "Shows the bans: the operator's, and those that the directory gave itself.",
  ).action(async (options) => exitWith(await (await commands()).bans(options, terminal)));
}
