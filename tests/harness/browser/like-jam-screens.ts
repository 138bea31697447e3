/** A page of ours instead of JAM: it makes JAM's calls as they were recorded, and shows what came of them. */
import type { Page } from "playwright-core";
import { waitFor } from "../wait-for.ts";
import type { JarView, JointPayment, Payment, Screens } from "./screens.ts";

interface Coin {
  readonly utxo: string;
  readonly mixdepth: number;
  readonly address: string;
  readonly value: number;
  readonly locktime?: string;
}

/** What the page shows after a moment: of each thing what was answered last. */
interface View {
  readonly coins: readonly Coin[];
  readonly jars: JarView[];
  readonly balanceSat: number;
  readonly branches: readonly (readonly { name: string; addresses: string[] }[])[];
  readonly words: string[];
  readonly address: string;
  readonly wallets: readonly string[];
  readonly session: {
    readonly wallet_name: string;
    readonly rescanning: boolean;
    readonly nickname: string | null;
    readonly offer_list: readonly unknown[] | null;
    readonly maker_running: boolean;
    readonly schedule: readonly unknown[] | null;
  };
  readonly offers: readonly { readonly counterparty: string }[];
  readonly log: string;
}

interface Shown {
  readonly view: View;
  /** The sentence above it: of success, or why not. */
  readonly said: string;
}

/** The heights that JAM offers: where segwit began on the main chain. */
const OFFERED_HEIGHT = 481_824;

export class LikeJamScreens implements Screens {
  readonly #page: Page;
  readonly #url: string;
  #turn = 0;

  /** `url` may name a door elsewhere: `https://…/?door=https://…`. */
  constructor(page: Page, url: string) {
    this.#page = page;
    this.#url = url;
  }

  async open(): Promise<void> {
    await this.#page.goto(this.#url);
    await this.#ready();
    await this.#do("open");
  }

  async reload(): Promise<void> {
    await this.#page.reload();
    await this.#ready();
    await this.#do("reload");
  }

  async create(name: string, password: string): Promise<string[]> {
    return (await this.#do("create", { walletname: `${name}.jmdat`, password })).view.words;
  }

  async recover(name: string, password: string, words: readonly string[]): Promise<void> {
    const values = {
      walletname: `${name}.jmdat`,
      password,
      seedphrase: words.join(" "),
      height: OFFERED_HEIGHT,
    };
    const { said } = await this.#do("recover", {
      ...values,
      wallet: `${name}.jmdat`,
      gaplimit: "24",
      former: "20",
    });
    if (said !== "") throw new Error(said);
    await this.#untilScanned();
  }

  async wallets(): Promise<string[]> {
    const { wallets, session } = (await this.#do("wallets")).view;
    return wallets.map((name) => {
      const state = name === session.wallet_name ? "Active" : "Locked";
      return `${name.replace(/\.jmdat$/, "")} ${state}`;
    });
  }

  async unlock(name: string, password: string): Promise<void> {
    const said = await this.refusedUnlock(name, password);
    if (said !== "") throw new Error(said);
  }

  async refusedUnlock(name: string, password: string): Promise<string> {
    return (await this.#do("unlock", { wallet: `${name}.jmdat`, password })).said;
  }

  async lock(): Promise<void> {
    await this.#do("lock");
  }

  async balanceSat(): Promise<number> {
    return (await this.#do("wallet")).view.balanceSat;
  }

  async jars(): Promise<JarView[]> {
    return (await this.#do("wallet")).view.jars;
  }

  async newAddress(jar: number): Promise<string> {
    return (await this.#do("receive", { mixdepth: jar })).view.address;
  }

  async addresses(jar: number): Promise<string[]> {
    const { branches } = (await this.#do("details")).view;
    return branches[jar]?.find(({ name }) => name === "external addresses")?.addresses ?? [];
  }

  async freeze(jar: number, isFrozen: boolean): Promise<void> {
    const { utxo } = await this.#coinIn(jar);
    await this.#do("freeze", { utxo, freeze: isFrozen });
  }

  async limitFees(absoluteSat: number, percent: number): Promise<void> {
    await this.#do("limitFees", {
      max_cj_fee_abs: String(absoluteSat),
      max_cj_fee_rel: String(percent / 100),
    });
  }

  async pay({ jar, destination, amountSat = 0 }: Payment): Promise<string> {
    return (await this.#do("pay", { jar, destination, amount_sats: amountSat })).said;
  }

  async payTogether({ jar, destination, amountSat = 0, makers }: JointPayment): Promise<void> {
    const { said } = await this.#do("payTogether", { jar, destination, amount_sats: amountSat, makers });
    if (said !== "") throw new Error(said);
  }

  async bond(jar: number): Promise<{ address: string; lockedUntil: string }> {
    const lockdate = `${new Date().getUTCFullYear() + 2}-04`;
    const { address } = (await this.#do("bondAddress", { lockdate })).view;
    const { said, view } = await this.#do("payBond", { jar, destination: address });
    const lockedUntil = view.coins.find((coin) => coin.address === address)?.locktime;
    return { address, lockedUntil: lockedUntil ?? said };
  }

  async bonds(): Promise<number[]> {
    const { coins } = (await this.#do("wallet")).view;
    return coins.filter(({ locktime }) => locktime !== undefined).map(({ value }) => value);
  }

  async earn(): Promise<string> {
    const { said } = await this.#do("earn");
    if (said !== "") throw new Error(said);
    let nick: string | null = null;
    await waitFor("the offers", async () => {
      const { session } = (await this.#do("session")).view;
      nick = session.nickname;
      return session.maker_running && (session.offer_list ?? []).length > 0;
    });
    return nick ?? "";
  }

  async stopEarning(): Promise<void> {
    const { said } = await this.#do("stopEarning");
    if (said !== "") throw new Error(said);
    await waitFor("the end of the offers", async () => {
      return !(await this.#do("session")).view.session.maker_running;
    });
  }

  async report(): Promise<string> {
    const { view } = await this.#do("report");
    return "report" in view ? "There are entries" : "The report is empty";
  }

  async orderbook(): Promise<string[]> {
    const { offers } = (await this.#do("orderbook")).view;
    return [...new Set(offers.map(({ counterparty }) => counterparty))];
  }

  async schedule(destinations: readonly string[]): Promise<number> {
    const { said } = await this.#do("schedule", { destinations });
    if (said !== "") throw new Error(said);
    return (await this.#do("session")).view.session.schedule?.length ?? 0;
  }

  async stopSchedule(): Promise<void> {
    const { said } = await this.#do("stopSchedule");
    if (said !== "") throw new Error(said);
    await waitFor("the end of the schedule", async () => {
      return (await this.#do("session")).view.session.schedule === null;
    });
  }

  async words(): Promise<string[]> {
    return (await this.#do("words")).view.words;
  }

  async logs(): Promise<string> {
    return (await this.#do("logs")).view.log;
  }

  async rescan(): Promise<void> {
    const { said } = await this.#do("rescan", { height: OFFERED_HEIGHT });
    if (said !== "") throw new Error(said);
    await this.#untilScanned();
  }

  async renewTokens(): Promise<void> {
    const { said } = await this.#do("renewTokens");
    if (said !== "") throw new Error(said);
  }

  async #coinIn(jar: number): Promise<Coin> {
    const { coins } = (await this.#do("wallet")).view;
    const found = coins.find(({ mixdepth }) => mixdepth === jar);
    if (found === undefined) throw new Error(`there is no coin in jar ${jar}`);
    return found;
  }

  async #untilScanned(): Promise<void> {
    await waitFor("the scan to end", async () => !(await this.#do("rescanning")).view.session.rescanning);
  }

  async #ready(): Promise<void> {
    this.#turn = 0;
    const body = this.#page.locator("body[data-ready]");
    await body.waitFor();
    const ready = await body.getAttribute("data-ready");
    if (ready !== "yes") throw new Error(`the page: ${ready}`);
  }

  async #do(moment: string, values: Readonly<Record<string, unknown>> = {}): Promise<Shown> {
    const page = this.#page;
    await page.getByLabel("moment").fill(moment);
    await page.getByLabel("values").fill(JSON.stringify(values));
    await page.getByRole("button").click();
    this.#turn += 1;
    const shown = page.locator(`#shown[data-turn="${this.#turn}"]`);
    await shown.waitFor({ state: "attached" });
    const said = await page.locator("#said").innerText();
    if (said.startsWith("The page failed")) throw new Error(`${moment}: ${said}`);
    return { said, view: JSON.parse((await shown.textContent()) ?? "{}") as View };
  }
}
