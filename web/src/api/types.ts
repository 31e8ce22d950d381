/** What the API sends: the schemas of openapi.json that the client uses. */

export interface User {
  id: number
  username: string
}

export interface Account extends User {
  email: string
}

export interface Room {
  id: number
  name: string
  creator_id: number
  member_count: number
  created_at: string
  users: User[]
}

export interface RoomUser extends User {
  is_online: boolean
}

export interface Message {
  id: number
  text: string
  sender_id: number
  sender_username?: string | null
  room_id: number
  created_at: string
}

export interface Envelope<Data> {
  success: boolean
  message: string
  data: Data
}

export interface Page<Item> {
  items: Item[]
  /** The address of the next page, from the Link header; null on the last. */
  next: string | null
}
