import { expect, test } from 'vitest'
import { qemuArguments } from './qemu.mjs'

const OPTIONS = {
  kernel: {
    name: 'x',
    version: '1',
    image: '/boot/vmlinuz',
    modules: '/m',
    root: '/r',
    slowness: 1,
  },
  initramfs: '/i.gz',
  accelerator: /** @type {const} */ ('tcg'),
  kernelLog: '/with,comma/log',
}

test('the IOMMU precedes the devices it serves, and paths keep their commas', () => {
  const args = qemuArguments({ ...OPTIONS, hostRoot: '/', devices: ['x,memdev=m'] })
  const devices = args.filter((_, index) => args[index - 1] === '-device')
  expect(devices).toEqual([
    'intel-iommu',
    'edu,dma_mask=0xffffffffff',
    'ivshmem-plain,memdev=peer',
    'x,memdev=m',
  ])
  expect(args).toContain('file,id=log,path=/with,,comma/log')
  expect(args.join(' ')).toContain('readonly=on')
})

test('without an IOMMU the kernel is not told of one; the caller has the last word', () => {
  const kernel = { ...OPTIONS.kernel, arguments: ['slab_debug=F'] }
  const kernelArguments = ['panic=0']
  const args = qemuArguments({ ...OPTIONS, kernel, iommu: false, edu: false, kernelArguments })
  const line = args.at(-1)
  expect(args).not.toContain('intel-iommu')
  expect(line).not.toContain('intel_iommu')
  expect(line?.endsWith(' slab_debug=F panic=0')).toBe(true)
})
