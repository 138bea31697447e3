/** The live page: draws the trees that the server sends, keeps what did not change, and tells changes in words. */

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

function showDoors(hosts) {
  const doors = hosts.flatMap(({ host, tree }) =>
    everyChild(tree.root).flatMap((child) =>
      child.doors.map((door) => ({
        ...door,
        owner: hosts.length > 1 ? `${child.id} on ${host}` : child.id,
      })),
    ),
  );
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
  const { health, readiness } = latest;
  if (!health.ok) return ["bad", `Not well: ${health.reason}`];
  if (readiness.ready) return ["good", "All critical parts ready"];
  if (latest.hosts.some(({ presence }) => presence !== "heard"))
    return ["bad", `Not well: ${readiness.reason}`];
  // A stage or a supervisor waits for those below it: they are named.
  const parents = new Set(
    shownHosts().flatMap(({ host, tree }) =>
      everyChild(tree.root)
        .filter(({ children }) => children.length > 0)
        .map(({ id }) => `${host}/${id}`),
    ),
  );
  const names = readiness.waitingFor
    .filter(({ host, id }) => !parents.has(`${host}/${id}`))
    .map(({ host, id }) => (latest.hosts.length > 1 ? `${id} on ${host}` : id));
  return ["wait", names.length > 0 ? `Waiting for ${names.join(", ")}` : "Not ready yet"];
}

function shownHosts() {
  return latest.hosts.filter(({ tree }) => tree !== null);
}

const PRESENCE_WORDS = { heard: "heard", silent: "silent", stopped: "stopped" };
const PRESENCE_TONES = { heard: "good", silent: "bad", stopped: "off" };

function makeHost(host) {
  const section = element("section", "host");
  section.dataset.id = host;
  const heading = element("h2");
  heading.append(element("span", "name-of-host"), element("span", "state"));
  const facts = element("dl", "facts");
  facts.setAttribute("aria-label", `About host ${host}`);
  section.append(heading, facts, element("ul", "tree"));
  return section;
}

function showHost(section, { host, presence, heardMsAgo, tree }, isAlone, sinceMs) {
  const [heading, facts, list] = section.children;
  const [name, state] = heading.children;
  setText(name, isAlone ? "Actors" : `Host ${host}`);
  const isQuiet = presence === "silent" && heardMsAgo !== null;
  setText(state, isQuiet ? `silent for ${duration(heardMsAgo + sinceMs)}` : PRESENCE_WORDS[presence]);
  setTone(state, PRESENCE_TONES[presence]);
  state.hidden = isAlone;
  section.dataset.presence = presence;
  const isHeard = presence === "heard";
  // Of a host that is gone the last words stand still.
  const goneOnMs = isHeard ? (heardMsAgo ?? 0) + sinceMs : 0;
  showPairs(facts, [
    ["Version", tree.version],
    ["Host", tree.host],
    ["Process", String(tree.pid)],
    ["Up", duration((tree.root.uptimeMs ?? 0) + goneOnMs)],
    ["Bus", `${tree.bus.mode}, ${tree.bus.up && latest.health.busUp ? "up" : "down"}`],
    ["Data", tree.dataDirectory],
  ]);
  showChildren(list, tree.root.children, goneOnMs);
}

function showHosts(hosts, sinceMs) {
  const list = byId("hosts");
  const known = new Map([...list.children].map((section) => [section.dataset.id, section]));
  hosts.forEach((each, at) => {
    const section = known.get(each.host) ?? makeHost(each.host);
    known.delete(each.host);
    if (list.children[at] !== section) list.insertBefore(section, list.children[at] ?? null);
    showHost(section, each, hosts.length === 1, sinceMs);
  });
  for (const gone of known.values()) gone.remove();
}

function show() {
  const [tone, words] = verdict();
  setTone(byId("verdict"), tone);
  setText(byId("verdict"), words);
  const hosts = latest === undefined ? [] : shownHosts();
  const [first] = hosts;
  if (first === undefined) return;
  const sinceMs = performance.now() - latest.receivedMs;
  const { network } = first.tree;
  setText(byId("network"), network);
  const title = `${tone === "good" ? "" : "! "}Troupe ${network}`;
  if (document.title !== title) document.title = title;
  showHosts(hosts, sinceMs);
  showDoors(hosts);
}

function clockTime(date) {
  return date.toLocaleTimeString([], { hour12: false });
}

/** Adds a line for each host and each child whose state differs from the one last told. */
function tellChanges(hosts) {
  const isAlone = hosts.length === 1;
  const states = new Map();
  for (const { host, presence, tree } of hosts) {
    states.set(host, { name: `host ${host}`, state: presence });
    if (tree === null || presence !== "heard") continue;
    for (const child of everyChild(tree.root)) {
      const name = isAlone ? child.id : `${child.id} on ${host}`;
      states.set(`${host}/${child.id}`, { name, state: child.state, lastError: child.lastError });
    }
  }
  if (toldStates !== undefined) {
    for (const [key, { name, state, lastError }] of states) {
      if (toldStates.get(key)?.state === state) continue;
      const isBad = TONES[state] === "bad" && lastError !== undefined;
      addLine(`${name}: ${STATE_WORDS[state] ?? state}${isBad ? `, ${lastError.message}` : ""}`);
    }
    for (const [key, { name }] of toldStates) {
      // What is on a host that is gone goes without saying.
      const [host] = key.split("/");
      if (!states.has(key) && states.get(host)?.state === "heard") addLine(`${name}: gone`);
    }
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
  events.addEventListener("troupe", (event) => {
    const isFirst = !isConnected;
    isConnected = true;
    latest = { ...JSON.parse(event.data), receivedMs: performance.now() };
    if (isFirst && toldStates !== undefined) addLine("connected again");
    tellChanges(latest.hosts);
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
