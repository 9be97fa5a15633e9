// Every language says everything: no text missing, none left over, every blank filled with the same values.
import { describe, expect, it } from 'vitest'
import ar from './ar'
import arMore from './ar-more'
import en from './en'
import more from './en-more'
import he from './he'
import heMore from './he-more'

type Tree = { [key: string]: string | Tree }

function flat(tree: Tree, path = ''): Map<string, string> {
  const texts = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') texts.set(path + key, value)
    else for (const [inner, text] of flat(value, `${path}${key}.`)) texts.set(inner, text)
  }
  return texts
}

const PLURAL = /_(zero|one|two|few|many|other)$/
const blanks = (text: string) => (text.match(/\{\{.*?\}\}|<\w+\/>/g) ?? []).sort().join(' ')
const english = flat({ ...en, ...more } as Tree)
/** Texts that count; a key may also just end like a plural form (`too_many`). */
const counting = new Set([...english.keys()].filter((key) => key.endsWith('_other')).map((key) => key.replace(PLURAL, '')))
const base = (key: string) => (counting.has(key.replace(PLURAL, '')) ? key.replace(PLURAL, '') : key)

describe.each([
  ['he', flat({ ...he, ...heMore } as Tree)],
  ['ar', flat({ ...ar, ...arMore } as Tree)],
])('%s', (language, texts) => {
  it('has every text and no other', () => {
    const bases = (map: Map<string, string>) => new Set([...map.keys()].map(base))
    expect([...bases(texts)].sort()).toEqual([...bases(english)].sort())
  })

  it('has every plural form that the language needs', () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories
    for (const key of counting) for (const form of forms) expect(texts.has(`${key}_${form}`), `${key}_${form}`).toBe(true)
  })

  it('fills the same blanks', () => {
    for (const [key, text] of texts) {
      const original = english.get(key) ?? english.get(key.replace(PLURAL, '_other'))
      expect(blanks(text), key).toBe(blanks(original ?? ''))
    }
  })
})

it('each language is cut at the same place', () => {
  for (const [first, rest] of [
    [he, heMore],
    [ar, arMore],
  ]) {
    expect(Object.keys(first!).sort()).toEqual(Object.keys(en).sort())
    expect(Object.keys(rest!).sort()).toEqual(Object.keys(more).sort())
  }
})
