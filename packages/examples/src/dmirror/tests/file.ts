import { needing } from './dmirror-test.js'
import { did } from './scene.js'

export const fileTests = {
  file_read: needing(['space.file'], async (t) => {
    const driver = await t.open()
    const file = await t.space.createFile({ pages: t.bufferPages })
    const range = await t.mmap(t.bufferPages, { file, shared: true, protection: 'r' })
    // What another mapping of the file puts there.
    await t.fill(await t.mmap(t.bufferPages, { file, shared: true }), t.words(range))
    did(await driver.read(range), range.pages, 1, t.words(range))
    await file.close()
  }),

  file_write: needing(['space.file'], async (t) => {
    const driver = await t.open()
    const file = await t.space.createFile({ pages: t.bufferPages })
    const range = await t.mmap(t.bufferPages, { file, shared: true })
    did(await driver.write(range, t.words(range)), range.pages, 1)
    await t.cpuSees(range, t.words(range))
    const another = await t.mmap(t.bufferPages, { file, shared: true, protection: 'r' })
    await t.cpuSees(another, t.words(range))
    await file.close()
  }),

  migrate_file_private: needing(['space.file', 'memory'], async (t) => {
    const driver = await t.open()
    const file = await t.space.createFile({ pages: t.bufferPages })
    const range = await t.mmap(t.bufferPages, { file })
    // Written, so that they are pages of the process and no longer of the file.
    await t.fill(range, t.words(range))
    did(await driver.migrateToDevice(range), range.pages, 0, t.words(range))
    await file.close()
  }),
}
