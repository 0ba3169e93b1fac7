// AES-128-OCB (RFC 7253: encrypts and authenticates in one go, twice as fast as GCM where the processor has no AVX-512) of the OpenSSL that Node itself is
// linked with, from memory to memory (koffi). node:crypto gives each result in new memory and makes an object for each message: for 256 KiB that costs
// more than the cipher. Must never be given memory that is shorter than it says: lengths are checked here.
// Functions: https://docs.openssl.org/3.5/man3/EVP_EncryptInit/

import koffi from "koffi";

export const AEAD_KEY_BYTES = 16;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;
/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const [GET_TAG, SET_TAG] = [0x10, 0x11];
const [DECRYPT, ENCRYPT] = [0, 1];

export interface AeadMessage {
	readonly key: Uint8Array;
	/** Never used twice with one key. */
	readonly nonce: Uint8Array;
	/** Authenticated, not encrypted. */
	readonly head: Uint8Array;
	readonly tag: Uint8Array;
}

export interface Aead {
	/** Encrypts `text` into `into`, which is as long, and fills in the tag. */
	seal(message: AeadMessage, text: Uint8Array, into: Uint8Array): void;
	/** Decrypts the parts into `into`, which is as long as they are together; false when the key's holder did not seal it: then it holds rubbish. */
	open(message: AeadMessage, parts: readonly Uint8Array[], into: Uint8Array): boolean;
}

let found: Aead | null | undefined;

/** null where Node does not show its OpenSSL. */
export function openSslAead(): Aead | null {
	if (found === undefined) {
		try {
			found = aeadOf(functionsOfProcess());
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
	const count = koffi.pointer("int32_t");
	return {
		aes128Ocb: library.func("EVP_aes_128_ocb", cipher, []),
		make: library.func("EVP_CIPHER_CTX_new", context, []),
		init: library.func("EVP_CipherInit_ex", "int", [context, cipher, "void *", bytes, bytes, "int"]),
		update: library.func("EVP_CipherUpdate", "int", [context, bytes, count, bytes, "int"]),
		final: library.func("EVP_CipherFinal_ex", "int", [context, bytes, count]),
		control: library.func("EVP_CIPHER_CTX_ctrl", "int", [context, "int", "int", bytes]),
	};
}

/** One context for all keys of a thread: it is set up anew for each message. */
function aeadOf(openssl: ReturnType<typeof functionsOfProcess>): Aead {
	const context = openssl.make();
	// Once: to look it up again for every message costs more than a small message.
	done(openssl.init(context, openssl.aes128Ocb(), null, null, null, ENCRYPT));
	/** Where OpenSSL says how many bytes it gave: what does not fill a block waits for the rest. */
	const given = new Int32Array(1);
	const rest = new Uint8Array(AEAD_TAG_BYTES);
	const start = ({ key, nonce, head, tag }: AeadMessage, way: number) => {
		lengthIs("key", key, AEAD_KEY_BYTES);
		lengthIs("nonce", nonce, AEAD_NONCE_BYTES);
		lengthIs("tag", tag, AEAD_TAG_BYTES);
		done(openssl.init(context, null, null, key, nonce, way));
		done(openssl.update(context, null, given, head, head.length));
	};
	const run = (parts: readonly Uint8Array[], into: Uint8Array): number => {
		let at = 0;
		for (const part of parts) {
			done(openssl.update(context, into.subarray(at), given, part, part.length));
			at += given[0] ?? 0;
		}
		return at;
	};
	const finish = (into: Uint8Array, at: number): boolean => {
		const isTrue = openssl.final(context, rest, given) === 1;
		if (isTrue) into.set(rest.subarray(0, into.length - at), at);
		return isTrue;
	};
	return {
		seal(message, text, into) {
			lengthIs("place for a sealed text", into, text.length);
			start(message, ENCRYPT);
			done(finish(into, run([text], into)) ? 1 : 0);
			done(openssl.control(context, GET_TAG, AEAD_TAG_BYTES, message.tag));
		},
		open(message, parts, into) {
			const bytes = parts.reduce((sum, part) => sum + part.length, 0);
			lengthIs("place for an opened text", into, bytes);
			start(message, DECRYPT);
			const at = run(parts, into);
			done(openssl.control(context, SET_TAG, AEAD_TAG_BYTES, message.tag));
			return finish(into, at);
		},
	};
}

function done(answer: number): void {
	if (answer !== 1) throw new Error("Cannot use OpenSSL: it refuses a call");
}

function lengthIs(what: string, bytes: Uint8Array, wanted: number): void {
	if (bytes.length !== wanted) throw new RangeError(`Cannot use a ${what} of ${bytes.length} bytes: wanted ${wanted}`);
}
