// AES-128-GCM of the OpenSSL that Node itself is linked with, from memory to memory (koffi). node:crypto gives each result in new memory and makes an
// object for each message: for 256 KiB that costs as much as the cipher. Must never be given memory that is shorter than it says: lengths are checked here.
// Functions: https://docs.openssl.org/3.5/man3/EVP_EncryptInit/

import koffi from "koffi";

export const GCM_KEY_BYTES = 16;
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;
/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const [GET_TAG, SET_TAG] = [0x10, 0x11];
const [DECRYPT, ENCRYPT] = [0, 1];

export interface GcmMessage {
	readonly key: Uint8Array;
	/** Never used twice with one key. */
	readonly nonce: Uint8Array;
	/** Authenticated, not encrypted. */
	readonly head: Uint8Array;
	readonly tag: Uint8Array;
}

export interface Gcm {
	/** Encrypts `text` into `into`, which is as long, and fills in the tag. */
	seal(message: GcmMessage, text: Uint8Array, into: Uint8Array): void;
	/** Decrypts the parts into `into`, which is as long as they are together; false when the key's holder did not seal it: then it holds rubbish. */
	open(message: GcmMessage, parts: readonly Uint8Array[], into: Uint8Array): boolean;
}

let found: Gcm | null | undefined;

/** null where Node does not show its OpenSSL. */
export function openSslGcm(): Gcm | null {
	if (found === undefined) {
		try {
			found = gcmOf(functionsOfProcess());
		} catch {
			found = null;
		}
	}
	return found;
}

function functionsOfProcess() {
	const library = koffi.load(null);
	const context = koffi.pointer(koffi.opaque());
	const cipher = koffi.pointer(koffi.opaque());
	const bytes = koffi.pointer("uint8_t");
	return {
		aes128Gcm: library.func("EVP_aes_128_gcm", cipher, []),
		make: library.func("EVP_CIPHER_CTX_new", context, []),
		init: library.func("EVP_CipherInit_ex", "int", [context, cipher, "void *", bytes, bytes, "int"]),
		update: library.func("EVP_CipherUpdate", "int", [context, bytes, bytes, bytes, "int"]),
		final: library.func("EVP_CipherFinal_ex", "int", [context, bytes, bytes]),
		control: library.func("EVP_CIPHER_CTX_ctrl", "int", [context, "int", "int", bytes]),
	};
}

/** One context for all keys of a thread: it is set up anew for each message. */
function gcmOf(openssl: ReturnType<typeof functionsOfProcess>): Gcm {
	const [context, cipher] = [openssl.make(), openssl.aes128Gcm()];
	/** Where OpenSSL says how many bytes it gave: in GCM as many as it took. */
	const given = new Uint8Array(4);
	const rest = new Uint8Array(GCM_TAG_BYTES);
	const start = ({ key, nonce, head, tag }: GcmMessage, way: number) => {
		lengthIs("key", key, GCM_KEY_BYTES);
		lengthIs("nonce", nonce, GCM_NONCE_BYTES);
		lengthIs("tag", tag, GCM_TAG_BYTES);
		done(openssl.init(context, cipher, null, key, nonce, way));
		done(openssl.update(context, null, given, head, head.length));
	};
	return {
		seal(message, text, into) {
			lengthIs("place for a sealed text", into, text.length);
			start(message, ENCRYPT);
			done(openssl.update(context, into, given, text, text.length));
			done(openssl.final(context, rest, given));
			done(openssl.control(context, GET_TAG, GCM_TAG_BYTES, message.tag));
		},
		open(message, parts, into) {
			const bytes = parts.reduce((sum, part) => sum + part.length, 0);
			lengthIs("place for an opened text", into, bytes);
			start(message, DECRYPT);
			let at = 0;
			for (const part of parts) {
				done(openssl.update(context, into.subarray(at), given, part, part.length));
				at += part.length;
			}
			done(openssl.control(context, SET_TAG, GCM_TAG_BYTES, message.tag));
			return openssl.final(context, rest, given) === 1;
		},
	};
}

function done(answer: number): void {
	if (answer !== 1) throw new Error("Cannot use OpenSSL: it refuses a call");
}

function lengthIs(what: string, bytes: Uint8Array, wanted: number): void {
	if (bytes.length !== wanted) throw new RangeError(`Cannot use a ${what} of ${bytes.length} bytes: wanted ${wanted}`);
}
