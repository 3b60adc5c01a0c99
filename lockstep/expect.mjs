// What the simulation shows of each program of a run, as a file: computed where a processor is not emulated,
// compared where the kernel is. One line of JSON a program: { number, program, digests }.
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { openSimulation } from './backends.mjs'
import { digestsOf } from './digest.mjs'
import { numberedProgram } from './hunt.mjs'
import { Side } from './side.mjs'

/** `options`: those of {@link programs}, `seed`, `first`, `count`, and `profile` of the kernel. */
export async function writeExpectations(file, options) {
  const { count, first = 0, unit, profile } = options
  const stream = createWriteStream(file)
  for (let number = first; number < first + count; number++) {
    const program = numberedProgram(number, options)
    const side = await Side.open(await openSimulation(profile), { unit })
    const digests = await digestsOf(program, side, 'simulation')
    await side.close()
    if (!stream.write(`${JSON.stringify({ number, program, digests })}\n`))
      await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
}

export async function* readExpectations(file) {
  for await (const line of createInterface({ input: createReadStream(file) }))
    yield JSON.parse(line)
}
