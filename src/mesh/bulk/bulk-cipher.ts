// AES-128-OCB for bulk sockets: OpenSSL from memory to memory where this Node lets us (src/native/openssl.ts), else the same by node:crypto. Both give
// the same bytes.

import { createCipheriv, createDecipheriv, getCipherInfo } from "node:crypto";
import { SwarmError } from "../../errors.js";
import { AEAD_TAG_BYTES, type Aead, openSslAead } from "../../native/openssl.js";

const CIPHER = "aes-128-ocb";
const OPTIONS = { authTagLength: AEAD_TAG_BYTES };

/** Code `unsupported` where this Node's OpenSSL is built without it. */
export function bulkAead(): Aead {
	if (getCipherInfo(CIPHER) === undefined)
		throw new SwarmError("unsupported", `Cannot open a bulk socket: the OpenSSL of this Node has no ${CIPHER}`);
	return openSslAead() ?? nodeAead;
}

/** Half as fast. */
export const nodeAead: Aead = {
	seal({ key, nonce, head, tag }, text, into) {
		const cipher = createCipheriv(CIPHER, key, nonce, OPTIONS);
		cipher.setAAD(head);
		const most = cipher.update(text);
		into.set(most);
		into.set(cipher.final(), most.length);
		tag.set(cipher.getAuthTag());
	},
	open({ key, nonce, head, tag }, parts, into) {
		const decipher = createDecipheriv(CIPHER, key, nonce, OPTIONS);
		decipher.setAAD(head);
		decipher.setAuthTag(tag);
		let at = 0;
		const add = (bytes: Uint8Array) => {
			into.set(bytes, at);
			at += bytes.length;
		};
		for (const part of parts) add(decipher.update(part));
		try {
			add(decipher.final());
			return true;
		} catch {
			return false;
		}
	},
};
