// What to paste into a web page to get a form: one line that draws it, or plain HTML that needs no script of ours.
import type { Inbox } from '@/api/model'

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

export function scriptSnippet(origin: string, inbox: Inbox): string {
  return `<script src="${origin}/widget.js" data-form="${escape(inbox.address)}" defer></script>`
}

/** The fields that a form has unless its settings say otherwise. */
export function htmlSnippet(origin: string, inbox: Inbox): string {
  return `<form action="${origin}/forms/${encodeURIComponent(inbox.address)}" method="post">
  <label>Name <input name="name" autocomplete="name" required></label>
  <label>Phone <input name="phone" type="tel" autocomplete="tel"></label>
  <label>E-mail <input name="email" type="email" autocomplete="email"></label>
  <label>Message <textarea name="message" required></textarea></label>
  <button>Send</button>
</form>`
}
