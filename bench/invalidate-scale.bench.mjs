// munmap of one page while many notifiers watch other pages, against the same with few.
import { interleaved } from './interleaved.mjs'
import { watched } from './scene.mjs'

const TIMES = 20

export default async function measure() {
  const actions = [await manyNotifiers(100), await manyNotifiers(100_000)]
  const [reference, value] = await interleaved(actions, { rounds: 301, warmup: 50 })
  const perCall = { value: value / TIMES, reference: reference / TIMES }
  return [{ name: 'invalidate-scale', ...perCall, unit: 'ns', bar: 1.5 }]
}

async function manyNotifiers(count) {
  const { space, device, range } = await watched(count)
  for (let page = 0; page < count; page++) {
    await device.notifier(space, range.page(page), { invalidate() {} })
  }
  const other = await space.mmap({ pages: 1 })
  return async () => {
    for (let i = 0; i < TIMES; i++) {
      await space.mmap({ pages: 1, at: other.start })
      await space.munmap(other)
    }
  }
}
