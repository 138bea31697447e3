import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { childTextOf, element } from "./element.ts";
import { NS } from "./namespaces.ts";
import { cleanText, serialise } from "./serialise.ts";
import { fromWire, type WireElement } from "./wire-element.ts";

function nested(depth: number): WireElement {
  let inner: WireElement = { name: "a", attrs: {}, children: [] };
  for (let at = 1; at < depth; at++) inner = { name: "a", attrs: {}, children: [inner] };
  return inner;
}

describe("what goes out", () => {
  it("says its namespace where it changes, and nowhere else", () => {
    const iq = element(
      "iq",
      "",
      { type: "result", id: undefined },
      element("query", NS.version, {}, element("name", NS.version, {}, "T")),
    );
    expect(serialise(iq)).toBe(
      '<iq type="result"><query xmlns="jabber:iq:version"><name>T</name></query></iq>',
    );
  });

  it("cannot be left by what people write", () => {
    expect(serialise(element("body", "", { x: `"'<>&` }, "</body><x a='b'>"))).toBe(
      '<body x="&quot;&apos;&lt;&gt;&amp;">&lt;/body&gt;&lt;x a=&apos;b&apos;&gt;</body>',
    );
  });

  it("holds no character that XML forbids, in texts and attributes", () => {
    const hostile = "a\u0000\u0008\u000b\u001f\ufffe\uffff\ud800b\udc00";
    expect(cleanText(hostile)).toBe("a\ufffdb\ufffd");
    expect(serialise(element("x", "", { y: hostile }, hostile))).toBe(
      '<x y="a\ufffdb\ufffd">a\ufffdb\ufffd</x>',
    );
    for (let unit = 0; unit <= 0xffff; unit++) {
      const isSurrogate = unit >= 0xd800 && unit < 0xe000;
      const isForbidden = (unit < 0x20 && ![9, 10, 13].includes(unit)) || unit >= 0xfffe;
      const kept = isForbidden ? "" : isSurrogate ? "\ufffd" : String.fromCharCode(unit);
      if (cleanText(String.fromCharCode(unit)) !== kept) expect(unit).toBe("one that is cleaned rightly");
    }
  });
});

describe("what comes in", () => {
  it("is read with its namespaces, the stream's own as none", () => {
    const wire = {
      name: "message",
      attrs: { xmlns: NS.component, to: "b" },
      children: [
        { name: "body", attrs: {}, children: ["hi"] },
        { name: "p:x", attrs: { "xmlns:p": "urn:p" }, children: [{ name: "y", attrs: {}, children: [] }] },
      ],
    };
    const message = fromWire(wire);
    expect(message).toEqual({
      name: "message",
      ns: "",
      attrs: { to: "b" },
      children: [element("body", "", {}, "hi"), element("x", "urn:p", {}, element("y", ""))],
    });
    expect(childTextOf(message as NonNullable<typeof message>, "body", "")).toBe("hi");
  });

  it("is refused when it nests 30,000 deep, or has ten thousand elements, without an overflow", () => {
    expect(fromWire(nested(32))).toBeDefined();
    expect(fromWire(nested(33))).toBeUndefined();
    expect(fromWire(nested(30_000))).toBeUndefined();
    const wide = { name: "a", attrs: {}, children: Array.from({ length: 10_000 }, () => nested(1)) };
    expect(fromWire(wide)).toBeUndefined();
  });

  it("keeps nothing of the packet that a remembered name came in", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const usedBytes = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const packetBytes = 1_000_000;
    const before = usedBytes();
    const kept = Array.from({ length: 64 }, (_, at) => {
      const packet = Buffer.alloc(packetBytes, `alice@example.test/phone${at} `).toString();
      return fromWire({
        name: "presence",
        attrs: { from: packet.slice(0, 24) },
        children: [packet.slice(24, 50)],
      });
    });
    expect(usedBytes() - before).toBeLessThan(32 * packetBytes);
    expect(kept.at(-1)?.attrs["from"]).toBe("alice@example.test/phone");
  });
});
