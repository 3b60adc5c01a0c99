import { Cancelled, type GpuChannel } from './gpu-channel.js'
import { CHANNEL, PROGRAM } from './gpu-registers.js'

/** Threads that run at the same time. */
const LANES = 16
/** 32-bit words that a thread works on at a time: half a page, so that two share each page. */
const TILE_WORDS = 512
const WORD_BYTES = 4

/** What the GPU can compute, on the plain pointers in the channel's registers. */
export async function runProgram(channel: GpuChannel): Promise<void> {
  const program = Number(channel.argument(CHANNEL.program))
  const count = Number(channel.argument(CHANNEL.count))
  if (program === PROGRAM.vectorAdd) {
    const tiles = Math.ceil(count / TILE_WORDS)
    await inLanes(channel, tiles, (tile) => addTile(channel, tile * TILE_WORDS, count))
  } else if (program === PROGRAM.atomicAdd) {
    const word = channel.argument(CHANNEL.a)
    const delta = Number(channel.argument(CHANNEL.b))
    await inLanes(channel, count, async () => void (await channel.fetchAdd(word, delta)))
  } else channel.cancel()
}

/** c[i] = a[i] + b[i] for the words from `first` on; both reads of a thread may fault at once. */
async function addTile(channel: GpuChannel, first: number, count: number): Promise<void> {
  const words = Math.min(TILE_WORDS, count - first)
  const offset = BigInt(first * WORD_BYTES)
  const reads = [CHANNEL.a, CHANNEL.b].map((pointer) =>
    channel.read(channel.argument(pointer) + offset, words * WORD_BYTES),
  )
  // A thread ends with nothing outstanding, also when its channel is cancelled.
  await Promise.allSettled(reads)
  const [left, right] = (await Promise.all(reads)) as [Uint8Array, Uint8Array]
  const sum = new Uint8Array(words * WORD_BYTES)
  const [a, b, c] = [left, right, sum].map((bytes) => new DataView(bytes.buffer)) as Views
  for (let at = 0; at < sum.length; at += WORD_BYTES) {
    c.setUint32(at, a.getUint32(at, true) + b.getUint32(at, true), true)
  }
  await channel.write(channel.argument(CHANNEL.c) + offset, sum)
}

type Views = [DataView, DataView, DataView]

/** Shares `items` among the lanes; all end, also when the channel is cancelled. */
async function inLanes(
  channel: GpuChannel,
  items: number,
  work: (item: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    try {
      while (next < items && channel.goesOn) await work(next++)
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
