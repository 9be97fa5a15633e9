// A sentence with inputs in it: each `<name/>` of the text is where that input stands, wherever the language puts it.
import { Fragment, type ReactNode } from 'react'
import { type Name, useTranslation } from './index'

export function Trans({ name, parts }: { name: Name; parts: Record<string, ReactNode> }) {
  const { t } = useTranslation()
  // Splitting by a group keeps what it matched: words and names take turns.
  const pieces = t(name).split(/<(\w+)\/>/)
  return pieces.map((piece, at) => <Fragment key={at}>{at % 2 ? parts[piece] : piece}</Fragment>)
}
