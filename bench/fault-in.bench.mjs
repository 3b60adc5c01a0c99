// What it costs to fault pages of a process in for writing: VMA search, events, accounting included.
import { interleaved } from './interleaved.mjs'
import { writeTwoWords } from './reference/two-words.mjs'
import { PAGES, perPage, watched } from './scene.mjs'

export default async function measure() {
  const { space, range, notifier } = await watched(PAGES)
  const words = new Uint32Array(2 * PAGES)
  const faultIn = () =>
    notifier.faultAndCommit(range, { request: 'write' }, (pages) => pages.valid(0))
  const [reference, value] = await interleaved([() => writeTwoWords(words), faultIn], {
    rounds: 9,
    between: () => space.madvise(range, 'dontneed'),
  })
  return [perPage('fault-in', value, reference, PAGES, 30)]
}
