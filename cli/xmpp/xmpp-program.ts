/** `supervisor xmpp …` with its options, help and examples. What each does is loaded when it is called for. */
import type { Command } from "commander";
import type { ProgramTools } from "../program-tools.ts";

const commands = () => import("./xmpp-commands.ts");

export function addXmpp(program: Command, { terminal, exitWith, withPlace, examples }: ProgramTools): void {
  const xmpp = program
    .command("xmpp")
    .summary("the bank behind the chat door: people's accounts, and the wallet with their coins")
    .description(
      "People who come by XMPP have accounts in the ledger; their coins are in one wallet, which its owner gives to the bank within limits. The ledger runs with [placement] ledger, or `supervisor start --only ledger`.",
    );
  const command = (usage: string, summary: string, description: string) =>
    withPlace(xmpp.command(usage))
      .summary(summary)
      .description(description)
      .option("--json", "answer as JSON");

  command(
    "open",
    "give the bank its wallet",
    "Lets the ledger give out addresses of a wallet's mixdepth and pay people's orders from it, within the limits, until the time is over, the wallet is locked, or the bank is shut. Take a wallet of its own: whatever else moves its coins stops all payments. Opening it again takes new limits and a new time.",
  )
    .option("-w, --wallet <name>", "which wallet; default: the only one, or the only one unlocked here")
    .option("--password-file <file>", "read the password from its first line; - is the pipe")
    .option("--per-day <amount>", "the most that may leave within 24 hours, fees included", "0.5btc")
    .option("--per-payment <amount>", "the most that one payment may be", "0.1btc")
    .option("--fee-max <amount>", "the most that the miners may get of one payment", "50000")
    .option(
      "--maker-fees-max <amount>",
      "let people pay by coinjoins too: the most that all makers of one may get; 0 allows none",
      "0",
    )
    .option("--mixdepth <number>", "in which of the wallet's mixdepths the coins are", "0")
    .option("--days <number>", "end by itself after so many days", "30")
    .addHelpText(
      "after",
      examples(
        ["supervisor xmpp open --wallet bank --per-day 0.2btc", ""],
        ["supervisor xmpp open --maker-fees-max 20000", "people may also type mix"],
        ["supervisor xmpp status", "whether it pays, and why not"],
      ),
    )
    .action(async (options) => exitWith(await (await commands()).open(options, terminal)));
  command(
    "close",
    "take the wallet back",
    "Nothing is paid and no address is given out until the bank is opened again. Accounts and balances stay.",
  ).action(async (options) => exitWith(await (await commands()).close(options, terminal)));
  command(
    "status",
    "how the bank is",
    "Shows the wallet, whether payments are made, and what everybody may pay.",
  ).action(async (options) => exitWith(await (await commands()).status(options, terminal)));
  command("users", "the accounts", "Lists accounts, the newest first.")
    .option("--state <state>", "only waiting, open, frozen or closed ones")
    .option("--search <text>", "in name or JID")
    .option("-n, --lines <number>", "at most so many", "50")
    .addHelpText("after", examples(["supervisor xmpp users --state waiting", "who waits to be let in"]))
    .action(async (options) => exitWith(await (await commands()).users(options, terminal)));
  command("user", "one account with its addresses", "Shows what one person has, may pay and was given.")
    .argument("<who>", "a name, a JID, or a number as `supervisor xmpp users` shows it")
    .action(async (who, options) => exitWith(await (await commands()).user(who, options, terminal)));
  command("ledger", "the books", "Shows what each account of the books holds, and the last entries.")
    .option("--account <name>", "the entries of one account only, such as chain:custody or user:7:avail")
    .option("-n, --lines <number>", "at most so many entries", "20")
    .action(async (options) => exitWith(await (await commands()).ledger(options, terminal)));
  command(
    "approve",
    "let a person in",
    "Opens an account that waits, and vouches for a JID that has to be verified.",
  )
    .argument("<who>", "a name, a JID or a number")
    .action(async (who, options) => exitWith(await (await commands()).approve(who, options, terminal)));
  command(
    "limits",
    "what a person may pay",
    "Shows an account's limits, and sets those that are given, at once.",
  )
    .argument("<who>", "a name, a JID or a number")
    .option("--payment <amount>", "the most that one payment may be")
    .option("--day <amount>", "the most within 24 hours")
    .option("--strong <amount>", "from here on a payment needs the second factor")
    .addHelpText(
      "after",
      examples(
        ["supervisor xmpp limits alice", "what holds now"],
        ["supervisor xmpp limits alice --payment 0.05btc --day 0.1btc", ""],
      ),
    )
    .action(async (who, options) => exitWith(await (await commands()).limits(who, options, terminal)));
  command("freeze", "let nothing leave an account", "What comes in is credited all the same.")
    .argument("<who>", "a name, a JID or a number")
    .option("--why <text>", "told to the person", "")
    .action(async (who, options) => exitWith(await (await commands()).freeze(who, options, terminal)));
  command("unfreeze", "let an account pay again", "Not one that owes: what it owes has to come in first.")
    .argument("<who>", "a name, a JID or a number")
    .action(async (who, options) => exitWith(await (await commands()).unfreeze(who, options, terminal)));
  command(
    "stop",
    "stop all payments",
    "Nobody pays until `supervisor xmpp resume`; what comes in is credited. A payment that was handed to the network is not called back.",
  )
    .option("--why <text>", "told to everybody who tries to pay", "")
    .addHelpText("after", examples(["supervisor xmpp stop --why 'back at noon'", ""]))
    .action(async (options) => exitWith(await (await commands()).stop(options, terminal)));
  command(
    "resume",
    "let payments go on",
    "After `stop`. Where the books and the wallet differ, or the wallet is away, payments stay stopped for that.",
  ).action(async (options) => exitWith(await (await commands()).resume(options, terminal)));
  command("ban", "keep a JID or a domain from registering", "Accounts that are there stay: freeze them.")
    .argument("<who>", "a JID, or a domain")
    .option("--lift", "let it register again")
    .action(async (who, options) => exitWith(await (await commands()).ban(who, options, terminal)));
  command("invite", "make an invitation", "One person may register with it within seven days.").action(
    async (options) => exitWith(await (await commands()).invite(options, terminal)),
  );
  command("announce", "tell everybody something", "It comes as a chat message, after each one's quiet hours.")
    .argument("<text>")
    .action(async (text, options) => exitWith(await (await commands()).announce(text, options, terminal)));
  command(
    "topup",
    "an address for the house's own coins",
    "Coins that come to it make good a loss, or pay fees.",
  ).action(async (options) => exitWith(await (await commands()).topUp(options, terminal)));
  command(
    "reconcile",
    "compare the books with the wallet",
    "Does it now, and ends with 1 if they differ. When they agree again payments go on by themselves.",
  )
    .option("--book", "book the difference as the house's loss or gain, so that payments go on")
    .action(async (options) => exitWith(await (await commands()).reconcile(options, terminal)));
  command("audit", "what admins have done", "Shows the acts of admins and of the operator, the newest first.")
    .option("-n, --lines <number>", "at most so many", "50")
    .action(async (options) => exitWith(await (await commands()).audit(options, terminal)));
}
