/** A page that calls the wallet door as JAM does, moment by moment as `calls.json` has it, and shows what a person would see. */
const { storageKey } = globalThis.LIKE_JAM;
/** Another origin than the page's own, when the page is elsewhere. */
const door = new URL(location.href).searchParams.get("door") ?? location.origin;
const { moments } = await (await fetch("./calls.json")).json();
const form = document.forms[0];
let turn = 0;
/** @type {WebSocket | undefined} */
let socket;

function session() {
  return JSON.parse(sessionStorage.getItem(storageKey) ?? "null");
}

async function keep(answer) {
  const { walletname, token, refresh_token } = answer;
  sessionStorage.setItem(storageKey, JSON.stringify({ walletname, token, refresh_token }));
  // A token that was worth nothing any more has closed it; JAM comes again by itself within some seconds.
  if (socket.readyState === WebSocket.OPEN) socket.send(token);
  else await listen();
}

/** JAM opens it before anybody has logged in, and sends the token when there is one. */
async function listen() {
  socket = new WebSocket(`${door.replace(/^http/, "ws")}/jmws`);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("no WebSocket")));
  });
  const kept = session();
  if (kept !== null) socket.send(kept.token);
}

function filled(template, values) {
  if (Array.isArray(template)) return template.map((part) => filled(part, values));
  if (typeof template === "object" && template !== null) {
    return Object.fromEntries(Object.entries(template).map(([key, part]) => [key, filled(part, values)]));
  }
  const whole = /^\{(\w+)\}$/.exec(template);
  return whole === null ? template : values[whole[1]];
}

async function call({ call: name, body }, given) {
  const kept = session();
  const values = { wallet: kept?.walletname, refresh_token: kept?.refresh_token, ...given };
  const [, mark, method, path] = /^(A )?(GET|POST) (\S+)$/.exec(name);
  const url = path.replace(/\{(\w+)\}/g, (_all, key) => encodeURIComponent(values[key]));
  const response = await fetch(door + url, {
    method,
    // Neither a type of content nor the usual header: so JAM asks.
    headers: mark === undefined ? {} : { "x-jm-authorization": `Bearer ${kept?.token}` },
    ...(body !== undefined && { body: JSON.stringify(filled(body, values)) }),
  });
  const text = await response.text();
  const answer = text.startsWith("{") ? JSON.parse(text) : text;
  if (answer.token !== undefined) await keep(answer);
  if (path.endsWith("/lock") && response.ok) sessionStorage.removeItem(storageKey);
  return { name, ok: response.ok, status: response.status, answer };
}

/** What the last answer to each path was. */
async function play(moment, values) {
  const last = {};
  for (const group of moments[moment]) {
    const answers = await Promise.all(group.map((one) => call(one, values)));
    for (const one of answers) last[one.name.replace(/^A /, "").replace(/^.*\/wallet\/\{wallet\}/, "")] = one;
    const refused = answers.find(({ ok, status }) => !ok && status !== 409 && status !== 404);
    if (refused !== undefined) return { last, refused };
  }
  return { last };
}

function coinsOf({ answer: { utxos } }) {
  const nowS = Date.now() / 1000;
  return utxos.map((coin) => {
    const lockedUntilS = Number(coin.path.split(":")[1] ?? 0);
    return { ...coin, isSpendable: !coin.frozen && lockedUntilS < nowS };
  });
}

function jarsOf(coins) {
  const sum = (some) => some.reduce((total, { value }) => total + value, 0);
  return [0, 1, 2, 3, 4].map((jar) => {
    const inside = coins.filter(({ mixdepth }) => mixdepth === jar);
    return {
      availableSat: sum(inside.filter(({ isSpendable }) => isSpendable)),
      frozenSat: sum(inside.filter(({ isSpendable }) => !isSpendable)),
    };
  });
}

function sentence({ last, refused }, { destination }) {
  if (refused !== undefined)
    return refused.answer.message ?? `The server reported a problem: ${refused.status}`;
  const sent = last["/taker/direct-send"];
  if (sent === undefined) return "";
  if (!sent.ok) return sent.answer.message;
  const { txid, outputs } = sent.answer.txinfo;
  const paid = outputs.find(({ address }) => address === destination);
  return `Payment successful: Sent ${paid.value_sats} sats to ${paid.address} in transaction ${txid}`;
}

function viewOf({ last }) {
  const view = {};
  for (const [path, { ok, answer }] of Object.entries(last)) {
    if (!ok) continue;
    if (answer.utxos !== undefined) {
      const coins = coinsOf({ answer });
      view.coins = coins.map(({ utxo, mixdepth, address, value, locktime }) => ({
        utxo,
        mixdepth,
        address,
        value,
        locktime,
      }));
      view.jars = jarsOf(coins);
      view.balanceSat = coins.reduce((total, { value }) => total + value, 0);
    }
    if (answer.walletinfo !== undefined) {
      view.branches = answer.walletinfo.accounts.map(({ branches }) =>
        branches.map(({ branch, entries }) => ({
          name: branch.split("\t")[0],
          addresses: entries.map(({ address }) => address),
        })),
      );
    }
    if (answer.seedphrase !== undefined) view.words = answer.seedphrase.split(" ");
    if (answer.address !== undefined) view.address = answer.address;
    if (answer.wallets !== undefined) view.wallets = answer.wallets;
    if (answer.session !== undefined) view.session = answer;
    if (answer.rescanning !== undefined) view.rescanning = answer.rescanning;
    if (answer.yigen_data !== undefined) view.report = answer.yigen_data;
    if (answer.offers !== undefined) view.offers = answer.offers;
    if (path.includes("/log/")) view.log = answer;
  }
  return view;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const shown = document.getElementById("shown");
  const said = document.getElementById("said");
  try {
    const values = JSON.parse(form.elements.values.value);
    const played = await play(form.elements.moment.value, values);
    said.textContent = sentence(played, values);
    shown.textContent = JSON.stringify(viewOf(played), null, 2);
  } catch (error) {
    said.textContent = `The page failed: ${error}`;
    shown.textContent = "{}";
  }
  turn += 1;
  shown.dataset.turn = String(turn);
});

try {
  await listen();
  document.body.dataset.ready = "yes";
} catch (error) {
  document.body.dataset.ready = String(error);
}
