// What it costs to map a buffer for the device and to unmap it, behind an IOMMU.
import { interleaved } from './interleaved.mjs'
import { Radix } from './reference/radix.mjs'
import { perPage, scene } from './scene.mjs'

const DMA_PAGE = 0x7_0000

export default async function measure() {
  return [await mapUnmap('map-unmap', 512, 50, 2), await mapUnmap('map-unmap-1', 1, 10_000, 6)]
}

async function mapUnmap(name, pages, times, bar) {
  const { device } = await scene()
  const buffer = await device.dma.allocBuffer({ bytes: pages * 4096 })
  const radix = new Radix()
  const checked = () => {
    for (let i = 0; i < times; i++) device.dma.map(buffer, { direction: 'bidirectional' }).unmap()
  }
  const actions = [() => radix.cycle(DMA_PAGE, pages, times), checked]
  const [reference, value] = await interleaved(actions, { rounds: 41, warmup: 40 })
  return perPage(name, value, reference, times * pages, bar)
}
