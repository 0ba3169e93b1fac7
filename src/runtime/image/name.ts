// Image names: `name[:tag]`, as people type them and as `swarm image ls` prints them. Pure.
// `host` is the embedded default image (host.ts) and never names anything else.

import { SwarmError } from "../../errors.js";
import type { Digest } from "../../model.js";
import { NAME_LENGTH_MAX } from "./limits.js";

/** The embedded default image. */
export const HOST_IMAGE = "host";

// The grammar of the distribution project (reference/regexp.go) without digests: optional registry with port, path
// components, tag.
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REGISTRY = "[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?";
const NAME = new RegExp(`^(?:${REGISTRY}/)?${COMPONENT}(?:/${COMPONENT}){0,7}$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is Digest {
	return typeof text === "string" && DIGEST.test(text);
}

/** The 64 hexadecimal digits. */
export function hexOf(digest: Digest): string {
	return digest.slice("sha256:".length);
}

/** `redis` → `redis:latest`; `docker.io/library/redis:7` → `redis:7`; `host` stays. Null when it is not a name. */
export function normalizedName(text: string): string | null {
	if (text === HOST_IMAGE) return HOST_IMAGE;
	const short = text.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "");
	const colon = short.lastIndexOf(":");
	const tagged = colon > short.lastIndexOf("/");
	const name = tagged ? short.slice(0, colon) : short;
	const tag = tagged ? short.slice(colon + 1) : "latest";
	const whole = `${name}:${tag}`;
	if (!NAME.test(name) || !TAG.test(tag) || whole.length > NAME_LENGTH_MAX) return null;
	return whole;
}

/** A name that an image may be given. Code `usage` for anything that is none, and for `host`. */
export function imageName(text: string, field: string): string {
	const name = normalizedName(text);
	if (name === null) {
		throw new SwarmError(
			"usage",
			`Cannot name an image: ${field} is ${JSON.stringify(text)}, wanted NAME[:TAG] in lower case, at most ${NAME_LENGTH_MAX} characters`,
			{ details: { field } },
		);
	}
	if (name === HOST_IMAGE || name.startsWith(`${HOST_IMAGE}:`)) {
		throw new SwarmError(
			"usage",
			`Cannot name an image: ${field} is ${JSON.stringify(text)}, and "host" is the embedded image`,
			{
				details: { field },
			},
		);
	}
	return name;
}

/** What a reference points at: an embedded image, a digest, or a name. */
export type Reference =
	| { readonly kind: "host" }
	| { readonly kind: "digest"; readonly digest: Digest }
	| { readonly kind: "name"; readonly name: string };

/** Null when the text can be no reference. */
export function parseReference(text: string): Reference | null {
	if (isDigest(text)) return { kind: "digest", digest: text };
	const name = normalizedName(text);
	if (name === null) return null;
	return name === HOST_IMAGE || name === `${HOST_IMAGE}:latest` ? { kind: "host" } : { kind: "name", name };
}
