/** A node by its datacenter and its id. */
export type NodeKey = `${string}/${string}`;

/**
 * A node among all of the cloud, wherever nodes are told apart: an enrolment key certifies any id, so an id says
 * nothing without the datacenter that enrolled it. Neither name can contain the slash.
 */
export function nodeKey({ id, datacenter }: { readonly id: string; readonly datacenter: string }): NodeKey {
  return `${datacenter}/${id}`;
}
