import { array, assert, integer, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { Gathered } from "../src/gathered.js";

test("gives the bytes back in their order, whatever pieces come and are taken", () => {
	const pieces = array(uint8Array({ maxLength: 5_000 }), { maxLength: 20 });
	assert(
		property(pieces, array(integer({ min: 0, max: 9_000 })), (given, takes) => {
			const gathered = new Gathered();
			const taken: Uint8Array[] = [];
			let wishes = [...takes];
			for (const piece of given) {
				gathered.add(piece);
				const [wish = 0, ...rest] = wishes;
				wishes = rest;
				taken.push(Uint8Array.from(gathered.take(Math.min(wish, gathered.length))));
			}
			taken.push(gathered.take(gathered.length));
			expect(Buffer.concat(taken).equals(Buffer.concat(given))).toBe(true);
			expect(gathered.length).toBe(0);
		}),
	);
});

test("what was taken stays as it is when more comes", () => {
	const gathered = new Gathered();
	gathered.add(Uint8Array.of(1));
	gathered.add(Uint8Array.of(2));
	gathered.add(Uint8Array.of(3));
	const first = gathered.take(2);
	for (let count = 0; count < 20_000; count++) gathered.add(Uint8Array.of(9));
	expect([...first]).toEqual([1, 2]);
	expect([...gathered.take(2)]).toEqual([3, 9]);
});

test("a megabyte that comes byte by byte costs a few times its bytes", () => {
	const bytes = 1024 * 1024;
	const whole = new Uint8Array(bytes).fill(7);
	const before = process.memoryUsage().arrayBuffers;
	const gathered = new Gathered();
	for (let at = 0; at < bytes; at++) gathered.add(whole.subarray(at, at + 1));
	expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * bytes);
	expect(Buffer.compare(gathered.take(bytes), whole)).toBe(0);
	expect(() => gathered.take(1)).toThrow(/1 bytes are taken of 0/);
});
