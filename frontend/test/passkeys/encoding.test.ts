import { describe, expect, it } from "vitest";
import { bytesOf, creationOf, requestOf, textOf } from "../../src/passkeys/encoding";

describe("bytes of passkeys", () => {
  it("come back from every length and every byte", () => {
    for (let length = 0; length < 260; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + length) % 256);
      const text = textOf(bytes.buffer);
      expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(bytesOf(text)).toEqual(bytes);
    }
  });

  it("are read as servers write them", () => {
    expect(bytesOf("-_8")).toEqual(Uint8Array.of(0xfb, 0xff));
    expect(textOf(Uint8Array.of(0xfb, 0xff).buffer)).toBe("-_8");
  });
});

describe("options of passkeys", () => {
  const user = { id: "AQI", name: "ada", displayName: "Ada" };

  it("ask for a passkey that signs in alone, and exclude those that exist", () => {
    const options = creationOf({
      challenge: "AAEC",
      rp: { id: "localhost", name: "Roundtruth" },
      user,
      pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      excludeCredentials: [{ id: "AwQ", type: "public-key" }],
    });
    expect(options.challenge).toEqual(Uint8Array.of(0, 1, 2));
    expect(options.user.id).toEqual(Uint8Array.of(1, 2));
    expect(options.excludeCredentials?.map(({ id }) => id)).toEqual([Uint8Array.of(3, 4)]);
    expect(options.authenticatorSelection?.residentKey).toBe("preferred");
  });

  it("leave the choice of passkey to the browser when the server names none", () => {
    const options = requestOf({
      challenge: "AAEC",
      rpId: "localhost",
      userVerification: "required",
    });
    expect(options.allowCredentials).toEqual([]);
    expect(options.rpId).toBe("localhost");
    expect(options.userVerification).toBe("required");
  });
});
