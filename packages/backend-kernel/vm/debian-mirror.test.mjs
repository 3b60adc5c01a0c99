import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { debianMirror, mirrorsOfDeb822, mirrorsOfList } from './debian-mirror.mjs'

/** @param {Record<string, string>} files */
function etc(files) {
  const folder = mkdtempSync(join(tmpdir(), 'hmm-vm-apt-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true })
  })
  mkdirSync(join(folder, 'sources.list.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

test('the one-line format, with options and comments', () => {
  const text = [
    '# deb http://old.example/debian bookworm main',
    'deb [arch=amd64 signed-by=/usr/share/x.gpg] http://one.example/debian bookworm main contrib',
    'deb-src http://source.example/debian bookworm main',
    'deb http://two.example/debian/ bookworm main # ours',
  ].join('\n')
  expect(mirrorsOfList(text)).toEqual(['http://one.example/debian', 'http://two.example/debian/'])
})

test('the deb822 format, with paragraphs that do not count', () => {
  const text = `Types: deb
# http://comment.example/debian
URIs: http://one.example/debian
 http://two.example/debian
Suites: bookworm

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm

Types: deb deb-src
URIs: http://off.example/debian
Suites: bookworm
Enabled: no
`
  expect(mirrorsOfDeb822(text)).toEqual(['http://one.example/debian', 'http://two.example/debian'])
})

test('other archives are no Debian mirror', () => {
  const folder = etc({
    'sources.list.d/a.list': 'deb https://tools.example/apt stable main\n',
    'sources.list.d/b.sources':
      'Types: deb\nURIs: http://m.example/debian-security\nSuites: s\n\nTypes: deb\nURIs: http://m.example/debian/\nSuites: s\n',
  })
  expect(debianMirror({ etc: folder, env: {} })).toBe('http://m.example/debian')
})

test('the environment decides when it says something', () => {
  expect(debianMirror({ etc: etc({}), env: { HMM_SDK_MIRROR: 'http://own.example/d' } })).toBe(
    'http://own.example/d',
  )
})

test('a machine without a mirror is told what to do', () => {
  expect(() => debianMirror({ etc: etc({}), env: {} })).toThrow(/HMM_SDK_MIRROR/u)
})
