// Stand-in for ankerl::unordered_dense, which Debian does not package.
//
// The worker uses it as an ordinary hash map and set: every operation it calls exists in the standard
// containers, whose iterators and references are also the more stable of the two. absl::flat_hash_map does
// not fit, because its `erase(iterator)` returns nothing.
#ifndef WATERSHED_COMPAT_ANKERL_UNORDERED_DENSE_H
#define WATERSHED_COMPAT_ANKERL_UNORDERED_DENSE_H

#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace ankerl::unordered_dense
{
	template<typename T>
	struct hash : std::hash<T>
	{
	};

	template<typename Key, typename T, typename Hash = hash<Key>, typename KeyEqual = std::equal_to<Key>>
	using map = std::unordered_map<Key, T, Hash, KeyEqual>;

	template<typename Key, typename Hash = hash<Key>, typename KeyEqual = std::equal_to<Key>>
	using set = std::unordered_set<Key, Hash, KeyEqual>;
} // namespace ankerl::unordered_dense

#endif
