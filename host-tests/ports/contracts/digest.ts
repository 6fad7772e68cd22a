/** What every Digest must do: the published vectors, however the bytes are cut up. */

import { assert } from "chai";
import type { DigestClass } from "../../../src/ports.js";

type Algorithm = "MD5" | "SHA256";

/** RFC 1321 appendix A.5 and FIPS 180-2 appendix B. */
const VECTORS: readonly { algorithm: Algorithm; text: string; digest: string }[] = [
  { algorithm: "MD5", text: "", digest: "d41d8cd98f00b204e9800998ecf8427e" },
  { algorithm: "MD5", text: "abc", digest: "900150983cd24fb0d6963f7d28e17f72" },
  { algorithm: "MD5", text: "message digest", digest: "f96b697d7cb7938d525a2f31aaf161d0" },
  { algorithm: "SHA256", text: "", digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  { algorithm: "SHA256", text: "abc", digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
  {
    algorithm: "SHA256",
    text: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    digest: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  },
];

export function describeDigestContract(name: string, Digest: DigestClass): void {
  describe(`${name} as a Digest`, () => {
    for (const { algorithm, text, digest } of VECTORS) {
      it(`gives the published ${algorithm} of "${text}"`, () => {
        const running = new Digest(algorithm);
        running.write(bytesOfText(text));
        assert.equal(hexOf(running.close()), digest);
      });
    }

    for (const algorithm of ["MD5", "SHA256"] as const) {
      it(`gives the same ${algorithm} whatever pieces the bytes come in`, () => {
        const bytes = Uint8Array.from({ length: 1000 }, (_, index) => (index * 31) & 0xff);
        const whole = new Digest(algorithm);
        whole.write(bytes);
        const expected = hexOf(whole.close());
        for (const pieceBytes of [1, 63, 64, 65, 512]) {
          const running = new Digest(algorithm);
          for (let at = 0; at < bytes.length; at += pieceBytes) running.write(bytes.subarray(at, at + pieceBytes));
          assert.equal(hexOf(running.close()), expected, `pieces of ${pieceBytes}`);
        }
      });
    }

    it("keeps two running digests apart", () => {
      const one = new Digest("SHA256");
      const other = new Digest("SHA256");
      one.write(bytesOfText("ab"));
      other.write(bytesOfText("unrelated"));
      one.write(bytesOfText("c"));
      assert.equal(hexOf(one.close()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    });

    it("refuses an algorithm that it does not know", () => {
      assert.throws(() => new Digest("CRC" as "MD5"), "unsupported digest");
    });

    it("refuses what is no buffer", () => {
      assert.throws(() => new Digest("MD5").write(1 as unknown as Uint8Array), TypeError);
    });
  });
}

function bytesOfText(ascii: string): Uint8Array {
  return Uint8Array.from(ascii, (char) => char.charCodeAt(0));
}

function hexOf(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
