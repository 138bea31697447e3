/** The live page: draws the tree that the server sends, keeps what did not change, and tells changes in words. */

/** What a person should feel about a state. */
const TONES = {
  ready: "good",
  starting: "wait",
  syncing: "wait",
  degraded: "wait",
  suspended: "wait",
  stopping: "wait",
  backoff: "bad",
  unresponsive: "bad",
  parked: "bad",
  stopped: "off",
  elsewhere: "off",
  off: "off",
};
const STATE_WORDS = {
  backoff: "waiting to restart",
  parked: "gave up",
  unresponsive: "does not answer",
};
const LOG_MAX = 50;

/** The newest message, and the states that have been told. */
let latest;
let toldStates;
let isConnected = false;

const byId = (id) => document.getElementById(id);

/** Text only: nothing that an actor says can become markup. */
function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setTone(node, tone) {
  if (node.dataset.tone !== tone) node.dataset.tone = tone;
}

function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function mebibytes(bytes) {
  return `${Math.round(bytes / 1048576)} MiB`;
}

/** Makes a definition list show these pairs, touching only what differs: a screen reader's place is kept. */
function showPairs(list, pairs) {
  const key = pairs.map(([term]) => term).join("\n");
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(
      ...pairs.map(([term]) => {
        const group = element("div");
        group.append(element("dt", "", term), element("dd"));
        return group;
      }),
    );
  }
  const values = list.querySelectorAll("dd");
  pairs.forEach(([, value], at) => {
    setText(values[at], value);
  });
  list.hidden = pairs.length === 0;
}

function measuresOf(child, sinceMs) {
  const pairs = [];
  if (child.uptimeMs !== undefined && child.state !== "stopped" && child.state !== "off") {
    pairs.push(["up", duration(child.uptimeMs + sinceMs)]);
  }
  if (child.restarts > 0) pairs.push(["restarts", String(child.restarts)]);
  if (child.nextRestartInMs !== undefined) {
    pairs.push(["next try in", duration(Math.max(0, child.nextRestartInMs - sinceMs))]);
  }
  if (child.rssBytes !== undefined) pairs.push(["memory", mebibytes(child.rssBytes)]);
  else if (child.heapBytes !== undefined) pairs.push(["heap", mebibytes(child.heapBytes)]);
  if (child.eventLoopP99Ms !== undefined) pairs.push(["loop p99", `${child.eventLoopP99Ms.toFixed(1)} ms`]);
  return pairs;
}

function makeChild(id) {
  const item = element("li");
  const card = element("div", "child");
  const top = element("div", "top");
  top.append(
    element("span", "id", id),
    element("span", "state"),
    element("span", "tag"),
    element("span", "place"),
  );
  card.append(top, element("p", "progress"), element("dl", "measures"), element("p", "error"));
  item.append(card, element("ul"));
  item.dataset.id = id;
  return item;
}

function showChild(item, child, sinceMs) {
  const card = item.firstElementChild;
  const part = (name) => card.querySelector(`.${name}`);
  setText(part("state"), STATE_WORDS[child.state] ?? child.state);
  setTone(part("state"), TONES[child.state] ?? "wait");
  setText(part("tag"), child.critical ? "critical" : "");
  setText(part("place"), child.placement === child.state ? "" : child.placement);
  setText(part("progress"), child.progress ?? "");
  part("progress").hidden = child.progress === undefined;
  showPairs(part("measures"), measuresOf(child, sinceMs));
  showError(part("error"), child);
  showChildren(item.lastElementChild, child.children, sinceMs);
}

function showError(node, child) {
  node.hidden = child.lastError === undefined;
  if (child.lastError === undefined) return;
  const { at, code, message } = child.lastError;
  setTone(node, child.state === "ready" ? "off" : "bad");
  const key = `${at}${code}${message}`;
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(
    element("span", "", `Last error, ${clockTime(new Date(at))}: `),
    element("code", "", code),
    element("span", "", ` ${message}`),
  );
}

function showChildren(list, children, sinceMs) {
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  children.forEach((child, at) => {
    const item = known.get(child.id) ?? makeChild(child.id);
    known.delete(child.id);
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
    showChild(item, child, sinceMs);
  });
  for (const gone of known.values()) gone.remove();
  list.hidden = children.length === 0;
}

function everyChild(child) {
  return [child, ...child.children.flatMap(everyChild)];
}

function showDoors(children) {
  const doors = children.flatMap((child) => child.doors.map((door) => ({ ...door, owner: child.id })));
  byId("doors-section").hidden = doors.length === 0;
  const list = byId("doors");
  const key = JSON.stringify(doors);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...doors.map(({ name, address, doc, owner }) => {
      const item = element("li");
      const isWeb = /^https?:\/\//.test(address);
      const link = element(isWeb ? "a" : "code", "", address);
      if (isWeb) link.href = address;
      item.append(link, element("span", "quiet", ` ${name} of ${owner}${doc ? `: ${doc}` : ""}`));
      return item;
    }),
  );
}

function verdict() {
  if (!isConnected) return ["bad", latest ? "Connection lost, trying again…" : "Connecting…"];
  const { health, tree } = latest;
  if (!health.ok) return ["bad", `Not well: ${health.reason}`];
  if (tree === null) return ["wait", "Waiting for the supervisor…"];
  if (tree.ready) return ["good", "All critical parts ready"];
  const waiting = everyChild(tree.root).filter(
    (child) => child.critical && !["good", "off"].includes(TONES[child.state]),
  );
  const names = waiting.filter((child) => child.children.length === 0).map((child) => child.id);
  return ["wait", names.length > 0 ? `Waiting for ${names.join(", ")}` : "Not ready yet"];
}

function show() {
  const [tone, words] = verdict();
  setTone(byId("verdict"), tone);
  setText(byId("verdict"), words);
  const tree = latest?.tree;
  if (!tree) return;
  const sinceMs = performance.now() - latest.receivedMs;
  setText(byId("network"), tree.network);
  const title = `${tone === "good" ? "" : "! "}Troupe ${tree.network}`;
  if (document.title !== title) document.title = title;
  const up = (tree.root.uptimeMs ?? latest.receivedAt - new Date(tree.startedAt).getTime()) + sinceMs;
  showPairs(byId("facts"), [
    ["Version", tree.version],
    ["Host", tree.host],
    ["Process", String(tree.pid)],
    ["Up", duration(up)],
    ["Bus", `${tree.bus.mode}, ${tree.bus.up && latest.health.busUp ? "up" : "down"}`],
    ["Data", tree.dataDirectory],
  ]);
  showChildren(byId("tree"), tree.root.children, sinceMs);
  showDoors(everyChild(tree.root));
}

function clockTime(date) {
  return date.toLocaleTimeString([], { hour12: false });
}

/** Adds a line for each child whose state differs from the one last told. */
function tellChanges(tree) {
  const states = new Map(everyChild(tree.root).map((child) => [child.id, child]));
  if (toldStates !== undefined) {
    for (const [id, child] of states) {
      const before = toldStates.get(id);
      if (before?.state === child.state) continue;
      const word = STATE_WORDS[child.state] ?? child.state;
      const isBad = TONES[child.state] === "bad" && child.lastError !== undefined;
      addLine(`${id}: ${word}${isBad ? `, ${child.lastError.message}` : ""}`);
    }
    for (const id of toldStates.keys()) if (!states.has(id)) addLine(`${id}: gone`);
  }
  toldStates = states;
}

function addLine(words) {
  const list = byId("log");
  const now = new Date();
  const item = element("li");
  const time = element("time", "", clockTime(now));
  time.dateTime = now.toISOString();
  item.append(time, element("span", "", words));
  list.prepend(item);
  while (list.children.length > LOG_MAX) list.lastElementChild.remove();
  byId("log-empty").hidden = true;
}

function connect() {
  const events = new EventSource("/api/events");
  events.addEventListener("tree", (event) => {
    const isFirst = !isConnected;
    isConnected = true;
    latest = { ...JSON.parse(event.data), receivedMs: performance.now(), receivedAt: Date.now() };
    if (isFirst && toldStates !== undefined) addLine("connected again");
    if (latest.tree) tellChanges(latest.tree);
    show();
  });
  events.addEventListener("error", () => {
    if (isConnected) addLine("the connection to the gateway was lost");
    isConnected = false;
    show();
    // A browser comes back by itself after a cut, but not after a refusal.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
  });
}

connect();
/** Uptimes and countdowns go on between two messages. */
setInterval(show, 1000);
