/** `supervisor bond …` with its options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const commands = () => import("./bond-commands.ts");
const coins = () => import("../wallet/coin-commands.ts");
const MONTH = "such as 2031-06";

export function addBond(
  program: Command,
  { terminal, exitWith, withPlace, withWallet, examples }: ProgramTools,
): void {
  const bond = program
    .command("bond")
    .summary("lock coins, so that takers choose this maker")
    .description(
      "A fidelity bond is coins that nobody can spend before a month begins, not even their owner. Takers choose makers by what their bonds weigh. A maker shows its wallet's best bond to each taker anew; no bond has to be renewed before it ends.",
    );
  const of = (usage: string, summary: string, description: string) =>
    withWallet(bond.command(usage)).summary(summary).description(description);

  of(
    "list",
    "the wallet's bonds, and what they weigh",
    "Shows the wallet's bonds, until when they are locked, and what they weigh.",
  )
    .option("--market", "ask the market too, and say how they stand there")
    .action(async (options) => exitWith(await (await commands()).list(options, terminal)));
  withPlace(bond.command("value"))
    .summary("what a bond would weigh")
    .description("Says what a bond would weigh if a block had it now. Makes nothing.")
    .argument("<year-month>", MONTH)
    .argument("<amount>", "satoshi (50000) or bitcoin (0.5btc)")
    .option("--market", "ask the market too, and say how it would stand there")
    .option("--json", "answer as JSON")
    .action(async (month, amount, options) =>
      exitWith(await (await commands()).value(month, amount, options, terminal)),
    );
  of("address", "the address of a bond", "Shows the address whose coins stay locked until a month begins.")
    .argument("<year-month>", MONTH)
    .option("--no-qr", "without the QR code")
    .action(async (month, options) => exitWith(await (await coins()).bondAddress(month, options, terminal)));
  of(
    "make",
    "lock coins of the wallet",
    "Shows what the bond will weigh and cost, asks, and pays the wallet's own bond address. Nobody can take it back.",
  )
    .argument("<year-month>", `nobody can spend it before the first day of this month, ${MONTH}`)
    .argument("<amount>", "satoshi (50000) or bitcoin (0.5btc); all takes all of the mixdepth")
    .option("-m, --mixdepth <number>", "spend from this mixdepth", "0")
    .option(
      "--fee <fee>",
      "satoshi by the virtual byte (12.5), or blocks to wait (6blocks); default: the wallet's setting",
    )
    .option("--inputs <coins...>", "exactly these coins")
    .option("--dry-run", "only show it")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      examples(
        ["supervisor bond value 2031-06 0.5btc --market", "is it worth it?"],
        ["supervisor bond make 2031-06 0.5btc", "shows it, and asks"],
        ["supervisor bond make 2031-06 0.5btc --yes --json", "for scripts"],
      ),
    )
    .action(async (month, amount, options) =>
      exitWith(await (await commands()).make(month, amount, options, terminal)),
    );
}
