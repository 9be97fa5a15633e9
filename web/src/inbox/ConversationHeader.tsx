// Above the timeline: the person, who else is here, whose it is, and closing it.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowLeft, CircleCheck, PanelRight, RotateCcw, UserRoundPlus, UserRoundX } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from '@/i18n'
import type { Conversation } from '@/api/model'
import { staffQuery } from '@/api/queries'
import { useSession } from '@/api/session'
import { useSignals } from '@/live/signals'
import { Address } from '@/ui/Address'
import { Avatar } from '@/ui/Avatar'
import { Button, IconButton } from '@/ui/Button'
import { Hint } from '@/ui/Hint'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { Menu, MenuItem, MenuLine } from '@/ui/Menu'
import { Who } from '@/ui/Who'
import { assign, setStatus } from './actions'
import type { InboxSearch } from './views'

interface Props {
  conversation: Conversation
  details: boolean
  onDetails: () => void
  assigning: boolean
  setAssigning: (open: boolean) => void
}

export function ConversationHeader({ conversation, details, onDetails, assigning, setAssigning }: Props) {
  const { t } = useTranslation()
  const { contact } = conversation
  const closed = conversation.status === 'closed'
  return (
    <header className="flex min-h-13 shrink-0 items-center gap-2 border-b ps-4 pe-3 max-sm:ps-1">
      <Link
        to="/inbox"
        search={(now: InboxSearch) => now}
        aria-label={t('conversation.back')}
        className="inline-flex size-10 items-center justify-center rounded hover:bg-hover sm:hidden"
      >
        <ArrowLeft className="mirror-rtl size-5" aria-hidden />
      </Link>
      <div className="min-w-0 flex-1">
        <h1 className="truncate text-base leading-5 font-semibold">
          <Who name={contact.name} address={contact.address} />
        </h1>
        <p className="flex items-center gap-1.5 truncate text-xs text-ink-3">
          <ChannelIcon channel={conversation.channel} className="size-3.5 shrink-0" />
          {contact.name && contact.address && <Address className="truncate">{contact.address}</Address>}
          <ContactNow conversationId={conversation.id}>
            <span className="truncate max-sm:hidden">
              {contact.name && '· '}
              <bdi>{conversation.inbox.name}</bdi>
            </span>
          </ContactNow>
        </p>
      </div>
      <Viewers conversationId={conversation.id} />
      <AssignMenu conversation={conversation} open={assigning} onOpenChange={setAssigning} />
      <Hint label={closed ? t('conversation.reopen') : t('conversation.close')} shortcut="E">
        <Button
          aria-label={closed ? t('conversation.reopen') : t('conversation.close')}
          icon={closed ? <RotateCcw className="size-4" /> : <CircleCheck className="size-4" />}
          onClick={() => void setStatus(conversation.id, closed ? 'open' : 'closed')}
          className="max-sm:size-9 max-sm:px-0"
        >
          <span className="max-md:sr-only">{closed ? t('conversation.reopen') : t('conversation.close')}</span>
        </Button>
      </Hint>
      <IconButton label={t('contact.panel')} shortcut="I" pressed={details} icon={<PanelRight className="mirror-rtl size-4" />} onClick={onDetails} />
    </header>
  )
}

/** What the contact does in their chat just now; else what usually stands there. */
function ContactNow({ conversationId, children }: { conversationId: string; children: ReactNode }) {
  const { t } = useTranslation()
  const now = useSignals((state) => state.contacts[conversationId])
  const words = now && now.doing !== 'nothing' ? t(`conversation.contact_${now.doing}`) : now?.online ? t('conversation.contact_online') : null
  return (
    <>
      {words ? '· ' : children}
      <span role="status" data-testid="contact-now">
        {words}
      </span>
    </>
  )
}

function Viewers({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff.id)
  const here = useSignals((state) => state.viewing[conversationId])
  const others = Object.values(here ?? {}).filter((person) => person.id !== me)
  if (others.length === 0) return null
  const words = t('conversation.viewing', { count: others.length, names: others.map((person) => person.name).join(', ') })
  return (
    <div role="status" data-testid="viewers" className="flex items-center gap-1.5 text-xs text-ink-2">
      <span className="flex -space-x-1.5" aria-hidden>
        {others.slice(0, 3).map((person) => (
          <Avatar key={person.id} id={person.id} name={person.name} size="sm" className="ring-2 ring-surface" />
        ))}
      </span>
      <span className="max-lg:sr-only">{words}</span>
    </div>
  )
}

function AssignMenu({ conversation, open, onOpenChange }: { conversation: Conversation; open: boolean; onOpenChange: (open: boolean) => void }) {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff)
  const { data } = useQuery(staffQuery)
  const { assignee } = conversation
  const others = data?.items.filter((person) => !person.disabled && person.role !== 'read_only' && person.id !== me?.id) ?? []
  return (
    <Menu
      align="end"
      open={open}
      onOpenChange={onOpenChange}
      trigger={
        <button
          type="button"
          data-testid="assign"
          aria-label={assignee ? t('inbox.assigned_to', { name: assignee.name }) : t('conversation.assign')}
          className="flex h-8 min-w-0 items-center gap-2 rounded border border-line-strong px-2 text-sm font-medium hover:bg-hover max-sm:size-9 max-sm:justify-center max-sm:px-0"
        >
          {assignee ? <Avatar id={assignee.id} name={assignee.name} size="xs" /> : <UserRoundPlus className="size-4" aria-hidden />}
          <span className="max-w-28 truncate max-md:sr-only">{assignee ? <bdi>{assignee.name}</bdi> : t('conversation.assign')}</span>
        </button>
      }
    >
      {me && (
        <MenuItem
          icon={<Avatar id={me.id} name={me.name} size="xs" />}
          checked={assignee?.id === me.id}
          onSelect={() => void assign(conversation.id, { id: me.id, name: me.name })}
        >
          {t('conversation.me', { name: me.name })}
        </MenuItem>
      )}
      {others.map((person) => (
        <MenuItem
          key={person.id}
          icon={<Avatar id={person.id} name={person.name} size="xs" />}
          checked={assignee?.id === person.id}
          onSelect={() => void assign(conversation.id, { id: person.id, name: person.name })}
        >
          <bdi>{person.name}</bdi>
        </MenuItem>
      ))}
      {assignee && (
        <>
          <MenuLine />
          <MenuItem icon={<UserRoundX className="size-4" />} onSelect={() => void assign(conversation.id, null)}>
            {t('conversation.unassign')}
          </MenuItem>
        </>
      )}
    </Menu>
  )
}
