import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { copySources, hashSources } from './source-tree.mjs'

function folders() {
  const base = mkdtempSync(join(tmpdir(), 'hmm-vm-sources-'))
  onTestFinished(() => {
    rmSync(base, { recursive: true })
  })
  mkdirSync(join(base, 'module/sub'), { recursive: true })
  mkdirSync(join(base, 'uapi'))
  writeFileSync(join(base, 'module/Kbuild'), 'obj-m := x.o\n')
  writeFileSync(join(base, 'module/sub/x.c'), 'int x;\n')
  writeFileSync(join(base, 'uapi/x.h'), '')
  return { base, both: [join(base, 'module'), join(base, 'uapi')] }
}

test('the key follows sources and ingredients, not what a build left behind', async () => {
  const { base, both } = folders()
  const key = await hashSources(both, ['7.3'])
  writeFileSync(join(base, 'module/x.o'), 'junk')
  writeFileSync(join(base, 'module/.x.o.cmd'), 'junk')
  expect(await hashSources(both, ['7.3'])).toBe(key)
  expect(await hashSources(both, ['7.2'])).not.toBe(key)
  writeFileSync(join(base, 'module/sub/x.c'), 'int y;\n')
  expect(await hashSources(both, ['7.3'])).not.toBe(key)
})

test('folders are copied side by side, without leftovers', async () => {
  const { base, both } = folders()
  writeFileSync(join(base, 'module/x.ko'), 'junk')
  await copySources(both, join(base, 'copy'))
  expect(existsSync(join(base, 'copy/module/sub/x.c'))).toBe(true)
  expect(existsSync(join(base, 'copy/uapi/x.h'))).toBe(true)
  expect(existsSync(join(base, 'copy/module/x.ko'))).toBe(false)
})
