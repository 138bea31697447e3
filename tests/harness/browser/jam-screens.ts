/** JAM 0.4, led through its screens by what stands on them. */
import type { Locator, Page } from "playwright-core";
import type { JarView, JointPayment, Payment, Screens } from "./screens.ts";

/** Amounts as satoshi and shown at all, no tours: what a person would have clicked away. */
const SETTINGS = { showBalance: true, unit: "sats", showCheatsheet: false, showOnboarding: false };
/** JAM asks for fresh tokens when three quarters of their half hour have gone. */
const TOKENS_OLD_AFTER = "23:00";
const RESCANNING = "Rescanning";
const TOGETHER = "Send as collaborative transaction";
const UNFOLDING_MS = 5_000;
const UNFOLDINGS_MAX = 6;
/** The name of a maker, and the number of an offer of it. */
const OFFER = /^J5\w+:\d+$/;
const SCHEDULE = /Scheduled (\d+) transactions/;

export class JamScreens implements Screens {
  readonly #page: Page;
  readonly #url: string;
  #hasClock = false;

  constructor(page: Page, url: string) {
    this.#page = page;
    this.#url = url;
  }

  async open(): Promise<void> {
    const settings = JSON.stringify(JSON.stringify(SETTINGS));
    await this.#page.addInitScript({
      content: `if (localStorage.getItem("jm-settings") === null) localStorage.setItem("jm-settings", ${settings});`,
    });
    if (!this.#hasClock) await this.#page.clock.install();
    this.#hasClock = true;
    await this.#page.goto(this.#url);
    await this.#page.getByTestId("new-wallet-btn").waitFor();
  }

  async reload(): Promise<void> {
    await this.#page.reload();
    await this.#link("/settings").waitFor();
  }

  async create(name: string, password: string): Promise<string[]> {
    const page = this.#page;
    await page.getByTestId("new-wallet-btn").click();
    await this.#nameAndPassword(name, password);
    await this.#submit();
    await this.#toggle("Reveal sensitive information");
    const words = await page.locator(".slashed-zeroes > div > span:last-child").allInnerTexts();
    await this.#toggle("written down");
    await page.getByRole("button", { name: "Next" }).click();
    await this.#fillWords(words);
    await page.getByRole("button", { name: "Fund Wallet" }).click();
    await this.#link("/settings").waitFor();
    return words;
  }

  async recover(name: string, password: string, words: readonly string[]): Promise<void> {
    await this.#page.getByTestId("import-wallet-btn").click();
    await this.#nameAndPassword(name, password);
    await this.#submit();
    await this.#fillWords(words);
    await this.#submit();
    await this.#page.getByText("Please review").waitFor();
    await this.#submit();
    const imported = this.#page.getByText("Wallet imported successfully!");
    await imported.or(this.#alert()).first().waitFor();
    const alert = await this.#alert().allInnerTexts();
    if (alert.length > 0) throw new Error(alert.join());
    await this.#page.getByText("Continue").click();
    await this.#link("/settings").waitFor();
  }

  async wallets(): Promise<string[]> {
    const cards = this.#page.locator(".card-body");
    await cards.first().waitFor();
    return (await cards.allInnerTexts()).map((text) => text.split("\n").slice(0, 2).join(" "));
  }

  async unlock(name: string, password: string): Promise<void> {
    await this.#tryPassword(name, password);
    await this.#link("/settings").waitFor();
  }

  async refusedUnlock(name: string, password: string): Promise<string> {
    await this.#tryPassword(name, password);
    return this.#alert().innerText();
  }

  async lock(): Promise<void> {
    await this.#go("/settings");
    await this.#page.getByRole("button", { name: "Lock wallet" }).click();
    await this.#page.getByTestId("new-wallet-btn").waitFor();
  }

  async balanceSat(): Promise<number> {
    await this.#toWallet();
    return satOf(await this.#page.getByTestId("sats-amount").first().innerText());
  }

  async jars(): Promise<JarView[]> {
    await this.#showJars();
    const jars = await this.#page.locator(".jar-info-container-hook").allInnerTexts();
    return jars.map((text) => {
      const [available = 0, frozen = 0] = text
        .split("\n")
        .map(satOf)
        .filter((sat) => !Number.isNaN(sat));
      return { availableSat: available, frozenSat: frozen };
    });
  }

  async newAddress(jar: number): Promise<string> {
    const page = this.#page;
    await this.#go("/receive");
    if (jar > 0) {
      await page.getByText("Receive options").click();
      await page.locator("[class*=selectableJarContainer]").nth(jar).click();
    }
    const shown = page.locator("[class*=Receive_address]");
    const former = await shown.innerText();
    await page.getByRole("button", { name: "Get new address" }).click();
    await page.waitForFunction(
      ([selector, old]) => {
        const { document } = globalThis as unknown as {
          document: { querySelector(s: string): { innerText: string } | null };
        };
        const text = document.querySelector(selector as string)?.innerText;
        return text !== undefined && text !== old;
      },
      ["[class*=Receive_address]", former],
    );
    await page
      .locator("[class*=qr-container] img, [class*=qr-container] canvas, [class*=qr-container] svg")
      .first()
      .waitFor();
    return shown.innerText();
  }

  async addresses(jar: number): Promise<string[]> {
    const details = await this.#openJar(jar);
    await details.getByText("Details", { exact: true }).first().click();
    await details.getByText("External addresses").click();
    const first = details.locator("[class*=DisplayBranch]").getByText(/^bcrt1/);
    await first
      .or(details.getByText(/^bcrt1/))
      .first()
      .waitFor();
    const texts = await details.getByText(/^bcrt1/).allInnerTexts();
    await this.#closeJar();
    return texts;
  }

  async freeze(jar: number, isFrozen: boolean): Promise<void> {
    const details = await this.#openJar(jar);
    await details.locator("input[type=checkbox]").last().check();
    await details.getByRole("button", { name: isFrozen ? /^Freeze/ : /^Unfreeze/ }).click();
    await details.locator("[class*=UtxoList_frozen]").waitFor({ state: isFrozen ? "visible" : "detached" });
    await this.#closeJar();
  }

  async limitFees(absoluteSat: number, percent: number): Promise<void> {
    await this.#go("/settings");
    await this.#page.getByRole("button", { name: "Adjust fee limits" }).click();
    const dialog = this.#dialog();
    await dialog.locator(".accordion-button").first().click();
    await dialog.locator("#max_cj_fee_abs").fill(String(absoluteSat));
    await dialog.locator("[name=max_cj_fee_rel]").fill(String(percent));
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
  }

  async pay(payment: Payment): Promise<string> {
    await this.#fillPayment(payment);
    await this.#unfold("Sending options", this.#label(TOGETHER));
    await this.#toggle(TOGETHER);
    return this.#confirmPayment();
  }

  async payTogether({ makers, ...payment }: JointPayment): Promise<void> {
    await this.#fillPayment(payment);
    const count = this.#page.locator("input[class*=collaboratorsSelectorElement]");
    await this.#unfold("Sending options", count);
    await count.fill(String(makers));
    await this.#submit();
    await this.#dialog().getByRole("button", { name: "Confirm" }).click();
  }

  async bond(jar: number): Promise<{ address: string; lockedUntil: string }> {
    const page = this.#page;
    await this.#go("/earn");
    await page.getByText(/Configure (?:Fidelity|Additional) Bond/).click();
    const dialog = this.#dialog();
    await dialog.getByTestId("select-lockdate-year").selectOption({ index: 2 });
    await dialog.getByTestId("select-lockdate-month").selectOption({ index: 3 });
    const next = dialog.locator("button[type=submit]");
    await next.click();
    await dialog.locator("[class*=selectableJarContainer]").nth(jar).click();
    await next.click();
    await dialog
      .getByText(/Confirmations/)
      .first()
      .click();
    await next.click();
    await dialog.getByRole("button", { name: "Review bond configuration" }).click();
    await dialog.getByText(/time-locked and sent to/).waitFor();
    await next.click();
    await page.getByRole("button", { name: "Confirm" }).click();
    await dialog.getByText("Fidelity bond created!").waitFor();
    const text = await dialog.innerText();
    await dialog.getByRole("button", { name: "Done" }).click();
    return {
      address: /bcrt1\w+/.exec(text)?.[0] ?? "",
      lockedUntil: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.exec(text)?.[0] ?? "",
    };
  }

  async bonds(): Promise<number[]> {
    await this.#go("/wallet");
    await this.#go("/earn");
    const bonds = this.#page
      .locator("[class*=ExistingFidelityBond], [class*=fidelityBond]")
      .getByTestId("sats-amount");
    await bonds.first().waitFor();
    return (await bonds.allInnerTexts()).map(satOf);
  }

  async earn(): Promise<string> {
    await this.#go("/earn");
    await this.#page.getByRole("button", { name: "Start Earning!" }).click();
    const offers = this.#page.getByText(OFFER).first();
    const refused = this.#alert().filter({ hasNotText: /Service is starting|Offering sats/ });
    await offers.or(refused).first().waitFor();
    if (!(await offers.isVisible())) throw new Error(await refused.first().innerText());
    return (await offers.innerText()).split(":")[0] ?? "";
  }

  async stopEarning(): Promise<void> {
    await this.#go("/earn");
    await this.#page.getByRole("button", { name: "Stop", exact: true }).click();
    await this.#page.getByRole("button", { name: "Start Earning!" }).waitFor();
  }

  async report(): Promise<string> {
    await this.#go("/earn");
    await this.#page.getByRole("button", { name: "Show earnings report" }).click();
    return this.#readOverlay(/The report is empty|Failed|entries/);
  }

  async orderbook(): Promise<string[]> {
    await this.#go("/wallet");
    await this.#page.getByText("Orderbook", { exact: true }).click();
    const text = await this.#readOverlay(/Orderbook is empty|Failed|counterparties/);
    return [...new Set(text.match(/\bJ5\w+/g) ?? [])];
  }

  async schedule(destinations: readonly string[]): Promise<number> {
    await this.#go("/jam");
    for (const [at, destination] of destinations.entries()) {
      await this.#page.getByPlaceholder("Enter destination address").nth(at).fill(destination);
    }
    await this.#page.getByRole("button", { name: "Start Scheduler" }).click();
    await this.#dialog()
      .getByRole("button", { name: /Confirm|Start/ })
      .click();
    const running = this.#page.getByText(SCHEDULE).first();
    const refused = this.#alert().filter({ hasNotText: /requires your UTXOs/ });
    await running.or(refused).first().waitFor();
    if (!(await running.isVisible())) throw new Error(await refused.first().innerText());
    return Number(SCHEDULE.exec(await running.innerText())?.[1]);
  }

  async stopSchedule(): Promise<void> {
    await this.#go("/jam");
    await this.#page.getByRole("button", { name: "Stop Scheduler" }).click();
    await this.#page.getByRole("button", { name: "Start Scheduler" }).waitFor();
  }

  async words(): Promise<string[]> {
    await this.#go("/settings");
    await this.#page.getByRole("button", { name: "Show seed phrase" }).click();
    await this.#toggle("Reveal seed phrase");
    const words = await this.#dialog().locator(".slashed-zeroes > div > span:last-child").allInnerTexts();
    await this.#dialog().locator(".btn-close").click();
    await this.#dialog().waitFor({ state: "detached" });
    return words;
  }

  async logs(): Promise<string> {
    await this.#go("/settings");
    await this.#page.getByRole("button", { name: "Show logs" }).click();
    const text = await this.#page.locator(".offcanvas.show pre").innerText();
    await this.#page.keyboard.press("Escape");
    await this.#page.locator(".offcanvas.show").waitFor({ state: "detached" });
    return text;
  }

  async rescan(): Promise<void> {
    await this.#go("/settings");
    await this.#go("/rescan");
    await this.#submit();
    const seen = this.#page.getByText(RESCANNING).first();
    await seen
      .or(this.#alert().filter({ hasText: "Error" }))
      .first()
      .waitFor();
    const refused = await this.#alert().filter({ hasText: "Error" }).allInnerTexts();
    if (refused.length > 0) throw new Error(refused.join());
    await seen.waitFor({ state: "detached" });
  }

  async renewTokens(): Promise<void> {
    const renewed = this.#page.waitForResponse((response) => response.url().endsWith("/api/v1/token"));
    await this.#page.clock.fastForward(TOKENS_OLD_AFTER);
    const response = await renewed;
    if (response.status() !== 200) throw new Error(`the tokens were not renewed: ${response.status()}`);
  }

  async #fillPayment({ jar, destination, amountSat }: Payment): Promise<void> {
    const page = this.#page;
    await this.#go("/wallet");
    await this.#go("/send");
    // Before, it has not fetched all settings; what was typed then is forgotten.
    await page.locator("form button[type=submit]:not([disabled])").waitFor();
    const source = page.locator("form input[type=radio]").nth(jar);
    await source.check();
    await page.locator("[name=destination]").fill(destination);
    if (amountSat !== undefined) await page.locator("[name=amount]").fill(String(amountSat));
    else await page.getByRole("button", { name: "Sweep" }).click();
    await source.check();
  }

  async #confirmPayment(): Promise<string> {
    await this.#submit();
    await this.#dialog().getByRole("button", { name: "Confirm" }).click();
    const told = this.#alert().filter({ hasText: /./ });
    await told.first().waitFor();
    return told.first().innerText();
  }

  async #nameAndPassword(name: string, password: string): Promise<void> {
    await this.#page.fill("#walletName", name);
    await this.#page.fill("#password", password);
    await this.#page.fill("#passwordConfirm", password);
  }

  async #fillWords(words: readonly string[]): Promise<void> {
    const fields = this.#page.getByTestId("mnemonic-word-input");
    for (const [at, word] of words.entries()) await fields.nth(at).fill(word);
  }

  async #tryPassword(name: string, password: string): Promise<void> {
    const card = this.#page
      .locator(".card-body")
      .filter({ hasText: new RegExp(`^${name}\\s*(?:Active|Locked)`) });
    await card.locator("input[type=password]").fill(password);
    await card.getByRole("button", { name: "Unlock" }).click();
  }

  /** What stands there at first is what was known before. */
  async #toWallet(): Promise<void> {
    await this.#go("/settings");
    const coins = this.#page.waitForResponse((response) => response.url().endsWith("/utxos"));
    await this.#go("/wallet");
    await (await coins).finished();
    await this.#page.locator("a.btn-lg[href='/send']").first().waitFor();
  }

  async #showJars(): Promise<void> {
    await this.#toWallet();
    await this.#page.locator("[class*=Divider_dividerButton]").click();
    await this.#page.locator(".jar-container-hook").nth(4).waitFor();
  }

  async #openJar(jar: number): Promise<Locator> {
    await this.#showJars();
    await this.#page.locator(".jar-container-hook").nth(jar).click();
    const details = this.#page.locator(".offcanvas.show");
    await details.waitFor();
    return details;
  }

  async #closeJar(): Promise<void> {
    await this.#page.keyboard.press("Escape");
    await this.#page.locator(".offcanvas.show").waitFor({ state: "detached" });
  }

  async #readOverlay(until: RegExp): Promise<string> {
    const overlay = this.#page.locator(".offcanvas.show");
    await overlay.getByText(until).first().waitFor();
    const text = await overlay.innerText();
    await this.#page.keyboard.press("Escape");
    await overlay.waitFor({ state: "detached" });
    return text;
  }

  async #go(path: string): Promise<void> {
    await this.#link(path).click();
    await this.#page.waitForURL(`**${path}`);
  }

  /** By the keyboard: a form that unfolds, or tells of a mistake, moves its button away from a click. */
  async #submit(): Promise<void> {
    await this.#page.locator("form button[type=submit]").filter({ visible: true }).last().press("Enter");
  }

  async #toggle(text: string): Promise<void> {
    await this.#label(text).click();
  }

  #label(text: string): Locator {
    return this.#page.locator("label").filter({ hasText: text }).filter({ visible: true });
  }

  /** A page that is still being drawn may miss a click. */
  async #unfold(title: string, inside: Locator): Promise<void> {
    for (let times = 0; times < UNFOLDINGS_MAX && !(await inside.isVisible()); times++) {
      await this.#page.getByText(title).click();
      await inside.waitFor({ timeout: UNFOLDING_MS }).catch(() => undefined); // then again
    }
  }

  #link(path: string): Locator {
    return this.#page.locator(`a[href='${path}']`).filter({ visible: true }).first();
  }

  #dialog(): Locator {
    return this.#page.locator(".modal.show").first();
  }

  #alert(): Locator {
    return this.#page.locator(".alert").filter({ visible: true });
  }
}

function satOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text.replaceAll(",", "").trim());
}
