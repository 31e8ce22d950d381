import { request } from './http'
import type { Account, Envelope, Message, Page, Room, RoomUser } from './types'

const PAGE = 500

export async function register(username: string, email: string, password: string): Promise<Account> {
  return (await request<Account>('POST', '/api/register', null, { username, email, password })).body
}

/** Gives the session's token. */
export async function login(username: string, password: string): Promise<string> {
  const { body } = await request<Envelope<{ access_token: string }>>('POST', '/api/login', null, {
    username,
    password,
  })
  return body.data.access_token
}

/** The calls that a session can make. */
export class Client {
  constructor(
    readonly token: string,
    private readonly onSessionEnd: () => void,
  ) {}

  async logout(): Promise<void> {
    await request('POST', '/api/logout', this.token)
  }

  async deleteAccount(): Promise<void> {
    await this.call('DELETE', '/api/delete')
  }

  /** All rooms, page by page, up to a bound that a list can show. */
  async rooms(): Promise<Room[]> {
    return this.all(`/api/chat/rooms?limit=${PAGE}`, (body: Room[]) => body, 10)
  }

  async room(id: number): Promise<Room> {
    return (await this.call<Room>('GET', `/api/chat/rooms/${id}`)).body
  }

  async createRoom(name: string): Promise<Room> {
    return (await this.call<Room>('POST', '/api/chat/rooms', { name })).body
  }

  async join(id: number): Promise<void> {
    await this.call('POST', `/api/chat/rooms/${id}/join`)
  }

  async leave(id: number): Promise<void> {
    await this.call('POST', `/api/chat/rooms/${id}/leave`)
  }

  async users(id: number): Promise<RoomUser[]> {
    return this.all(
      `/api/chat/rooms/${id}/users?limit=${PAGE}`,
      (body: Envelope<{ users: RoomUser[] }>) => body.data.users,
      4,
    )
  }

  /** The newest messages, or those before one; oldest first. next is null at the beginning. */
  async messages(id: number, before: number | null): Promise<Page<Message>> {
    const query = before === null ? '' : `&before=${before}`
    const { body, next } = await this.call<Message[]>(
      'GET',
      `/api/chat/rooms/${id}/messages?limit=100${query}`,
    )
    return { items: body, next }
  }

  private async all<Body, Item>(
    first: string,
    items: (body: Body) => Item[],
    pagesMax: number,
  ): Promise<Item[]> {
    const found: Item[] = []
    let path: string | null = first
    for (let page = 0; path !== null && page < pagesMax; page++) {
      const answer: { body: Body; next: string | null } = await this.call<Body>('GET', path)
      found.push(...items(answer.body))
      path = answer.next
    }
    return found
  }

  private async call<Body>(method: string, path: string, body?: unknown) {
    try {
      return await request<Body>(method, path, this.token, body)
    } catch (error) {
      if ((error as { endsSession?: boolean }).endsSession) this.onSessionEnd()
      throw error
    }
  }
}
