// What a side shows, as short words: so that one side can be run where and when the other is not.
import { hash } from 'node:crypto'
import { normalise } from './normalise.mjs'
import { trace } from './trace.mjs'

const DIGEST_CHARACTERS = 16

/** One word for what is seen after a step: equal for equal observations. */
export function digestOf({ step, seen }) {
  const text = JSON.stringify(normalise(step, seen))
  return hash('sha256', text, 'base64').slice(0, DIGEST_CHARACTERS)
}

/** The words of all steps of `program` on `side`. */
export async function digestsOf(program, side, name) {
  const digests = []
  for await (const each of trace(program, side, name)) digests.push(digestOf(each))
  return digests
}

/** Runs `program` on `side` up to the first step whose word is not the one of `digests`: its index, or -1. */
export async function firstDifference(program, side, name, digests) {
  let index = 0
  for await (const each of trace(program, side, name)) {
    if (digestOf(each) !== digests[index]) return index
    index += 1
  }
  return index === digests.length ? -1 : index
}
