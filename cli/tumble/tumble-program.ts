/** `supervisor tumble …` with its options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const commands = () => import("./tumble-commands.ts");

export function addTumble(
  program: Command,
  { terminal, exitWith, withWallet, examples }: ProgramTools,
): void {
  const tumble = program
    .command("tumble")
    .summary("bring all coins of a wallet elsewhere by many coinjoins")
    .description(
      "A tumble is a schedule of coinjoins with waits between them, over hours or days: afterwards nobody can tell from the chain which coins at the destinations came from this wallet. It goes on by itself, also after a restart, as long as the wallet stays unlocked.",
    );
  const of = (usage: string, summary: string, description: string) =>
    withWallet(tumble.command(usage)).summary(summary).description(description);
  const drawn = (command: Command) =>
    command
      .option(
        "--to <addresses...>",
        "where the coins shall go; three or more, and of different wallets of yours",
      )
      .option(
        "--addresses <number>",
        "how many in all, 3 unless more are given: those that are missing are asked for in time",
      )
      .option(
        "--schedule <file>",
        "carry out this schedule of joinmarket-clientserver, or plan of joinmarket-ng, instead of drawing one",
      )
      .option("--mixdepths <number>", "through how many mixdepths the coins go", "4")
      .option("--coinjoins <number>", "of each mixdepth on average, at least 2", "2")
      .option("-n, --makers <number>", "of each coinjoin on average; default: as [taker] says")
      .option("--min-makers <number>", "no coinjoin with fewer")
      .option(
        "--wait <minutes>",
        "between coinjoins on average; the first ones wait three times as long",
        "60",
      )
      .option("--min <amount>", "no coinjoin below this; what is less stays in the wallet", "100000")
      .option(
        "--fee <satPerVb>",
        "what the miners get, in satoshi by the virtual byte; default: by estimate, each time",
      )
      .option("--max-maker-fee <amount>", "what one maker may ask for one coinjoin …")
      .option("--max-maker-share <share>", "… and as a share of the amount, such as 0.001");

  drawn(
    of(
      "plan",
      "what a tumble would do, cost and take",
      "Draws a schedule and shows it with its price and its time. Nothing is begun; drawn again it is another one, so write it to a file to start just this.",
    ),
  )
    .option("--write <file>", "write the schedule, for `supervisor tumble start --schedule`")
    .addHelpText(
      "after",
      examples(
        ["supervisor tumble plan --to bc1qa… bc1qb… bc1qc…", ""],
        ["supervisor tumble plan --wait 300 --mixdepths 5 --write slow.schedule", "slower and further"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).plan(options, terminal)));
  drawn(
    of(
      "start",
      "begin a tumble",
      "Draws a schedule, shows what it will cost and how long it will take, asks, and begins. The wallet lends the taker its coins for these destinations and up to these prices, and for nothing else.",
    ),
  )
    .option("--retry <seconds>", "when a coinjoin has failed, try again after this and then ever later", "60")
    .option("--broadcast <who>", "who sends the transactions: self, random-maker or not-self")
    .option("--days <number>", "the wallet lends its coins for so long", "30")
    .option("--follow", "tell what happens until it is over")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      examples(
        ["supervisor tumble start --to bc1qa… bc1qb… bc1qc…", ""],
        ["supervisor tumble start --to bc1qa…", "the other two are asked for when they are needed"],
        ["supervisor tumble start --schedule slow.schedule --yes --json", "for scripts"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).start(options, terminal)));
  of(
    "status",
    "what happens now, how far it is, how long it takes",
    "Shows the wallet's tumble: what happens now, each of its coinjoins, what it has cost, and what went wrong.",
  )
    .argument("[id]", "one tumble; default: the newest")
    .option("--follow", "tell what happens until it is over, or waits for you")
    .action(async (id, options) => exitWith(await (await commands()).status(id, options, terminal)));
  of(
    "resume",
    "go on after a stop, or give what it waits for",
    "Lets a tumble go on that was stopped, that waits for the wallet to be unlocked, or for an address.",
  )
    .argument("[id]", "one tumble; default: the newest of the wallet")
    .option("--to <addresses...>", "for the coinjoins that want an address, in their order")
    .option("--days <number>", "the wallet lends its coins for so long", "30")
    .addHelpText(
      "after",
      examples(
        ["supervisor tumble resume", ""],
        ["supervisor tumble resume --to bc1qd…", "also before it is needed"],
      ),
    )
    .action(async (id, options) => exitWith(await (await commands()).resume(id, options, terminal)));
  of(
    "stop",
    "end a tumble; the coins stay where they are",
    "Ends a tumble. A coinjoin that is signed already goes on, for it cannot be taken back; any other is given up and its coins are free. Nothing is lost, and `supervisor tumble resume` goes on later.",
  )
    .argument("[id]", "one tumble; default: the one that runs")
    .action(async (id, options) => exitWith(await (await commands()).stop(id, options, terminal)));
}
