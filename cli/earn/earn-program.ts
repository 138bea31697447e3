/** `supervisor earn …` with its options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const commands = () => import("./earn-commands.ts");

export function addEarn(
  program: Command,
  { terminal, exitWith, withPlace, withWallet, examples }: ProgramTools,
): void {
  const earn = program
    .command("earn")
    .summary("earn by offering coins for coinjoins")
    .description(
      "A maker offers a wallet's coins to those who want a coinjoin, and is paid for it. Every coinjoin moves the coins one mixdepth on. What is signed is judged by walletd: never a satoshi less than was agreed.",
    );
  const of = (usage: string, summary: string, description: string) =>
    withWallet(earn.command(usage)).summary(summary).description(description);

  of(
    "start",
    "offer a wallet's coins",
    "Offers the wallet's confirmed and unfrozen coins, until it is stopped, the wallet is locked, or the time is over. A wallet that earns already takes the new terms. What is not given is as the section [maker] says.",
  )
    .option("--relative <share>", "ask for a share of the amount, such as 0.00002 or 0.002%")
    .option("--absolute <amount>", "ask for a fixed fee, such as 450; with --relative: for small amounts")
    .option("--free", "ask for nothing: mixed coins are all that is earned")
    .option("--min <amount>", "the smallest amount to be mixed")
    .option("--txfee <amount>", "what is given to the miners of each coinjoin")
    .option("--days <number>", "end by itself after so many days", "30")
    .addHelpText(
      "after",
      examples(
        ["supervisor earn start", ""],
        ["supervisor earn start --relative 0.003%", "of every coinjoin's amount"],
        ["supervisor earn start --wallet savings --json", "for scripts"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).start(options, terminal)));
  of(
    "stop",
    "withdraw the offers",
    "Withdraws the offers. What is signed already may still be sent by its taker.",
  ).action(async (options) => exitWith(await (await commands()).stop(options, terminal)));
  withPlace(earn.command("status"))
    .summary("what is offered, and who is served")
    .description("Shows the wallets that earn, what they offer, and whom they serve just now.")
    .option("--json", "answer as JSON")
    .action(async (options) => exitWith(await (await commands()).status(options, terminal)));
  of(
    "report",
    "what was earned",
    "Adds up the coinjoins that a wallet served, by month, as the chain shows them.",
  )
    .option("--csv", "one line for each, as joinmarket-clientserver's yield generator writes them")
    .action(async (options) => exitWith(await (await commands()).report(options, terminal)));
}
