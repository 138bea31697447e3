import { describe, expect, it } from "vitest";
import { isLoopback, parseHostPort } from "../../runtime/config/config-values.ts";
import { hostAndPort } from "./address.ts";
import { gatewaySection } from "./config.ts";

describe("an address to listen on", () => {
  it.each(["127.0.0.1:28180", "[::1]:0", "localhost:65535", "0.0.0.0:80"])(
    "%s is written as it was read",
    (text) => {
      const address = parseHostPort(text);

      expect(address === undefined ? undefined : hostAndPort(address)).toBe(text);
    },
  );

  it("is this machine's own only when it says so", () => {
    expect(["127.0.0.1", "127.9.9.9", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "192.168.1.2", "box", "127.evil.example"].some(isLoopback)).toBe(false);
  });

  it("is checked when the configuration is read", () => {
    expect(gatewaySection.schema.safeParse({}).data?.http_listen).toBe("127.0.0.1:28180");
    expect(gatewaySection.schema.safeParse({ http_listen: "" }).success).toBe(true);
    expect(gatewaySection.schema.safeParse({ http_listen: "28180" }).success).toBe(false);
  });
});
