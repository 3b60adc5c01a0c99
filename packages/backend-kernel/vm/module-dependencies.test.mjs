import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { modulesInLoadOrder } from './module-dependencies.mjs'

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'hmm-vm-modules-'))
  onTestFinished(() => {
    rmSync(path, { recursive: true })
  })
  writeFileSync(
    join(path, 'modules.dep'),
    [
      'kernel/fs/9p/9p.ko.xz: kernel/fs/netfs/netfs.ko.xz kernel/net/9p/9pnet.ko.xz',
      'kernel/net/9p/9pnet-virtio.ko.xz: kernel/net/9p/9pnet.ko.xz',
      'kernel/net/9p/9pnet.ko.xz: kernel/fs/netfs/netfs.ko.xz',
      'kernel/fs/netfs/netfs.ko.xz:',
      '',
    ].join('\n'),
  )
  writeFileSync(join(path, 'modules.builtin'), 'kernel/drivers/char/virtio_console.ko\n')
  return path
}

test('dependencies come first, each once, and what is built in is left out', async () => {
  const order = await modulesInLoadOrder(folder(), ['virtio_console', '9pnet_virtio', '9p'])
  expect(order.map((path) => path.split('/').at(-1))).toEqual([
    'netfs.ko.xz',
    '9pnet.ko.xz',
    '9pnet-virtio.ko.xz',
    '9p.ko.xz',
  ])
})

test('a module that the kernel does not have is named', async () => {
  await expect(modulesInLoadOrder(folder(), ['zram'])).rejects.toThrow(/zram/u)
})
