import { Marked } from 'marked'

/**
 * The guide as HTML. A code block that names a file becomes an editor, or a change of the editor that the file
 * has already; a block of text that is the output of a file gets a button that runs it.
 */
export function guidePage({ guide, style, worker, page }) {
  const files = new Set()
  const marked = new Marked({
    renderer: {
      code: ({ text, lang = '' }) => codeBlock(text, lang, files),
      link({ href, text }) {
        return `<a href="${escape(href)}">${text}</a>`
      },
    },
  })
  const [, title = 'Guide'] = /^# (.*)$/m.exec(guide) ?? []
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} - HMM SDK</title>
<style>${style}</style>
<body>
<main>${marked.parse(guide, { async: false })}</main>
<script type="text/plain" id="worker">${inScript(worker)}</script>
<script>${inScript(page)}</script>
</body>
</html>
`
}

/** `files`: the names of those that have an editor already; what comes later is a change of them. */
function codeBlock(text, lang, files) {
  const [, file] = /\bfile=(\S+)/.exec(lang) ?? []
  const [, output] = /\boutput=(\S+)/.exec(lang) ?? []
  const code = `<pre>${escape(text)}</pre>`
  if (file !== undefined) {
    const name = escape(file)
    if (files.has(file)) {
      return `<figure class="change" data-file="${name}"><figcaption>${name} <button>Put this into ${name}</button></figcaption>${code}</figure>`
    }
    files.add(file)
    return `<figure class="file" data-file="${name}"><figcaption>${name}</figcaption>${code}</figure>`
  }
  if (output !== undefined) {
    const name = escape(output)
    return `<figure class="output" data-run="${name}"><figcaption><button>Run ${name}</button><span class="status" role="status"></span></figcaption>${code}</figure>`
  }
  return code
}

function escape(text) {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** Nothing in a script may end it. */
const inScript = (text) => text.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
