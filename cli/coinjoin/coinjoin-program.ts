/** `supervisor coinjoin` and `supervisor orderbook` with their options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";
import { addCommitmentCommands } from "./commitment-program.ts";

const commands = () => import("./coinjoin-commands.ts");
const market = () => import("./orderbook-command.ts");

export function addCoinjoin(program: Command, tools: ProgramTools): void {
  const { terminal, exitWith, withPlace, withWallet, examples } = tools;
  const coinjoin = withWallet(program.command("coinjoin"))
    .summary("mix coins with those of makers")
    .description(
      "Asks makers of the JoinMarket for a coinjoin: shows what it will cost, asks, and tells what is happening. What is mixed goes one mixdepth on unless --to says otherwise; what is left stays where it was.",
    )
    .option("-a, --amount <amount>", "satoshi (50000) or bitcoin (0.5btc); all takes all of the mixdepth")
    .option("-m, --mixdepth <number>", "spend from this mixdepth", "0")
    .option("--to <address>", "where the mixed coins go; default: the wallet's next mixdepth")
    .option("-n, --makers <number>", "with how many; default: at random, as [taker] says")
    .option("--min-makers <number>", "give up with fewer")
    .option("--fee <satPerVb>", "what the miners get, in satoshi by the virtual byte; default: by estimate")
    .option("--max-maker-fee <amount>", "what one maker may ask …")
    .option("--max-maker-share <share>", "… and as a share of the amount, such as 0.001")
    .option("--broadcast <who>", "who sends it: self, random-maker or not-self")
    .option("--dry-run", "only show what it would cost")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      examples(
        ["supervisor coinjoin --amount 0.5btc", ""],
        ["supervisor coinjoin --amount all -m 2", "empties mixdepth 2, without change"],
        ["supervisor coinjoin --amount 0.5btc --makers 3 --yes --json", "for scripts"],
        ["supervisor coinjoin runs", "those on their way and the last that ended"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).coinjoin(options, terminal)));
  withPlace(coinjoin.command("runs"))
    .summary("coinjoins on their way, and the last that ended")
    .option("-n, --lines <number>", "at most so many", "20")
    .option("--json", "answer as JSON")
    .action(async (_, command: Command) =>
      exitWith(await (await commands()).runs(command.optsWithGlobals(), terminal)),
    );
  withPlace(coinjoin.command("watch"))
    .summary("tell how a coinjoin goes until it is over")
    .argument("<id>", "as `supervisor coinjoin runs` shows it")
    .option("--json", "answer as JSON when it is over")
    .action(async (id, _, command: Command) =>
      exitWith(await (await commands()).watch(id, command.optsWithGlobals(), terminal)),
    );
  withPlace(coinjoin.command("cancel"))
    .summary("end a coinjoin that is not signed yet")
    .argument("<id>", "as `supervisor coinjoin runs` shows it")
    .option("--json", "answer as JSON")
    .action(async (id, _, command: Command) =>
      exitWith(await (await commands()).cancel(id, command.optsWithGlobals(), terminal)),
    );

  addCommitmentCommands(coinjoin, tools);

  withPlace(program.command("orderbook"))
    .summary("the market's offers")
    .description(
      "Asks the makers of the market for their offers, under a name of its own, and shows them by price.",
    )
    .option("-a, --amount <amount>", "only offers for this amount, with what each would cost")
    .option("--json", "answer as JSON")
    .addHelpText("after", examples(["supervisor orderbook --amount 0.5btc", ""]))
    .action(async (options) => exitWith(await (await market()).orderbook(options, terminal)));
}
