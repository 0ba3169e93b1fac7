// Which of several places lets a stranger in: those that were given first, then those that the token names, one after the other.
// Must never: go on to the token's own cluster when a place that was given belongs to another one.

import { asSwarmError, SwarmError } from "../errors.js";
import { dialMultiaddr, isMultiaddr } from "./address.js";
import type { Welcome } from "./join.js";
import type { JoinToken } from "./join-token.js";

/**
 * `at` asks for admission at one multiaddr. Errors: `usage` when there is no address or one that makes no sense, else the first
 * refusal, else the first failure.
 */
export async function joinAtAny(
	token: JoinToken,
	addresses: readonly string[],
	at: (place: string) => Promise<Welcome>,
	signal: AbortSignal,
): Promise<Welcome> {
	const given = addresses.map(dialMultiaddr);
	const places = [...new Set([...given, ...token.addresses.filter(isMultiaddr)])];
	if (places.length === 0) throw new SwarmError("usage", "Cannot join: the token names no address, give one");
	const failures: SwarmError[] = [];
	for (const place of places) {
		try {
			return await at(place);
		} catch (thrown) {
			const error = joinFailure(place, thrown);
			// Going on would make this node a member of a cluster that nobody named.
			const mistaken = error.details.foreign === true && given.includes(place);
			if (signal.aborted || mistaken) throw error;
			failures.push(error);
		}
	}
	throw failures.find((error) => error.code === "refused") ?? failures[0] ?? new Error("unreachable");
}

/** In the words of the one who wants to join. */
function joinFailure(place: string, thrown: unknown): SwarmError {
	const error = asSwarmError(thrown, `join at ${place}`);
	const { reason } = error.details;
	if (typeof reason !== "string") return error;
	const why = reason.replace(/^Cannot admit[^:]*: /, "");
	return new SwarmError(error.code, `Cannot join at ${place}: ${why}`, { details: error.details, cause: error });
}
