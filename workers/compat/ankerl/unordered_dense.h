// Stand-in for ankerl::unordered_dense, which Debian does not package.
//
// As in the original, entries lie one after another in a vector, and a table of indexes finds them: a lookup of a
// packet's consumer, stream or transport touches one or two cache lines rather than one for each node of a
// list. The original's rules hold: any insertion may invalidate every iterator and reference; erase() moves the
// last entry to where the erased one was, and returns an iterator to that place. Only what the worker calls is here.
#ifndef WATERSHED_COMPAT_ANKERL_UNORDERED_DENSE_H
#define WATERSHED_COMPAT_ANKERL_UNORDERED_DENSE_H

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

namespace ankerl::unordered_dense
{
	template<typename T>
	struct hash : std::hash<T>
	{
	};

	namespace detail
	{
		// Odd, and of this process alone. Participants choose some of the keys (SSRCs, addresses), and std::hash of a
		// number is the number: whoever knew the factor could choose keys that all begin at one bucket.
		inline const std::uint64_t factor = []
		{
			std::random_device random;

			return (std::uint64_t{ random() } << 32) | random() | 1u;
		}();

		// What map and set have in common. KeyOf gives an entry's key.
		template<typename Key, typename Entry, typename KeyOf, typename Hash, typename KeyEqual>
		class table
		{
		public:
			using key_type       = Key;
			using value_type     = Entry;
			using size_type      = std::size_t;
			using iterator       = typename std::vector<Entry>::iterator;
			using const_iterator = typename std::vector<Entry>::const_iterator;

			iterator begin() noexcept { return entries.begin(); }
			iterator end() noexcept { return entries.end(); }
			const_iterator begin() const noexcept { return entries.begin(); }
			const_iterator end() const noexcept { return entries.end(); }
			const_iterator cbegin() const noexcept { return entries.cbegin(); }
			const_iterator cend() const noexcept { return entries.cend(); }
			bool empty() const noexcept { return entries.empty(); }
			size_type size() const noexcept { return entries.size(); }

			void reserve(size_type count) { entries.reserve(count); }

			void clear() noexcept
			{
				entries.clear();
				buckets.clear();
			}

			iterator find(const Key& key) { return begin() + static_cast<std::ptrdiff_t>(index_of(key)); }
			const_iterator find(const Key& key) const
			{
				return begin() + static_cast<std::ptrdiff_t>(index_of(key));
			}
			bool contains(const Key& key) const { return index_of(key) != size(); }
			size_type count(const Key& key) const { return contains(key) ? 1 : 0; }

			std::pair<iterator, bool> insert(const Entry& entry) { return emplace(entry); }
			std::pair<iterator, bool> insert(Entry&& entry) { return emplace(std::move(entry)); }

			template<typename Iterator>
			void insert(Iterator first, Iterator last)
			{
				for (; first != last; ++first)
				{
					emplace(*first);
				}
			}

			template<typename... Args>
			std::pair<iterator, bool> emplace(Args&&... args)
			{
				Entry entry(std::forward<Args>(args)...);
				const size_type index = index_of(KeyOf{}(entry));

				return index == size() ? std::pair{ append(std::move(entry)), true }
				                       : std::pair{ at_index(index), false };
			}

			size_type erase(const Key& key)
			{
				const size_type index = index_of(key);

				if (index == size())
				{
					return 0;
				}

				erase_index(index);

				return 1;
			}

			iterator erase(const_iterator position)
			{
				const auto index = static_cast<size_type>(position - cbegin());

				erase_index(index);

				return at_index(index);
			}

			iterator erase(iterator position) { return erase(const_iterator(position)); }

		protected:
			table() = default;

			iterator at_index(size_type index) { return begin() + static_cast<std::ptrdiff_t>(index); }

			// The index of the key's entry, size() when there is none.
			size_type index_of(const Key& key) const
			{
				if (buckets.empty())
				{
					for (size_type index{ 0 }; index < size(); ++index)
					{
						if (KeyEqual{}(KeyOf{}(entries[index]), key))
						{
							return index;
						}
					}

					return size();
				}

				const std::uint32_t mixed = mix(key);

				for (size_type at = home(mixed); buckets[at].entry != 0; at = next(at))
				{
					const auto& bucket = buckets[at];

					if (bucket.mixed == mixed && KeyEqual{}(KeyOf{}(entries[bucket.entry - 1]), key))
					{
						return bucket.entry - 1;
					}
				}

				return size();
			}

			// For a key that is not there yet.
			iterator append(Entry&& entry)
			{
				entries.push_back(std::move(entry));

				if (size() > ScannedEntries && size() * 2 > buckets.size())
				{
					rebuild(std::max(buckets.size() * 2, ScannedEntries * 4));
				}
				else if (!buckets.empty())
				{
					link(size() - 1);
				}

				return end() - 1;
			}

		private:
			struct bucket
			{
				// Of the entry's hash: which bucket is its home, and whether its key is worth comparing.
				std::uint32_t mixed{ 0 };
				// Its index plus one, 0 when empty.
				std::uint32_t entry{ 0 };
			};

			// So few are compared one by one, without buckets. A power of two.
			static constexpr size_type ScannedEntries{ 8 };

			static std::uint32_t mix(const Key& key)
			{
				return static_cast<std::uint32_t>((static_cast<std::uint64_t>(Hash{}(key)) * factor) >> 32);
			}

			// The highest bits of a product depend on all bits of the key, the others on lower ones alone.
			size_type home(std::uint32_t mixed) const { return mixed >> home_shift; }
			size_type next(size_type at) const { return (at + 1) & (buckets.size() - 1); }

			void link(size_type index)
			{
				const std::uint32_t mixed = mix(KeyOf{}(entries[index]));
				size_type at              = home(mixed);

				while (buckets[at].entry != 0)
				{
					at = next(at);
				}

				buckets[at] = { mixed, static_cast<std::uint32_t>(index + 1) };
			}

			void rebuild(size_type count)
			{
				buckets.assign(count, bucket{});
				home_shift = 32 - std::countr_zero(count);

				for (size_type index{ 0 }; index < size(); ++index)
				{
					link(index);
				}
			}

			size_type bucket_of(size_type index) const
			{
				size_type at = home(mix(KeyOf{}(entries[index])));

				while (buckets[at].entry != index + 1)
				{
					at = next(at);
				}

				return at;
			}

			// Later buckets of the same run move up, so that no lookup ends at the gap.
			void unlink(size_type index)
			{
				size_type gap = bucket_of(index);

				for (size_type at = next(gap); buckets[at].entry != 0; at = next(at))
				{
					const size_type wanted = home(buckets[at].mixed);
					const size_type mask   = buckets.size() - 1;

					if (((at - wanted) & mask) >= ((at - gap) & mask))
					{
						buckets[gap] = buckets[at];
						gap          = at;
					}
				}

				buckets[gap] = bucket{};
			}

			void erase_index(size_type index)
			{
				const size_type last = size() - 1;

				if (!buckets.empty())
				{
					unlink(index);

					if (index != last)
					{
						buckets[bucket_of(last)].entry = static_cast<std::uint32_t>(index + 1);
					}
				}

				if (index != last)
				{
					entries[index] = std::move(entries[last]);
				}

				entries.pop_back();
			}

			std::vector<Entry> entries;
			// A power of two, at least twice as many as entries; none while there are few entries.
			std::vector<bucket> buckets;
			// 32 less the exponent of that power.
			int home_shift{ 0 };
		};

		struct first_of_pair
		{
			template<typename Pair>
			const auto& operator()(const Pair& pair) const
			{
				return pair.first;
			}
		};
	} // namespace detail

	template<typename Key, typename T, typename Hash = hash<Key>, typename KeyEqual = std::equal_to<Key>>
	class map : public detail::table<Key, std::pair<Key, T>, detail::first_of_pair, Hash, KeyEqual>
	{
		using base = detail::table<Key, std::pair<Key, T>, detail::first_of_pair, Hash, KeyEqual>;

	public:
		using mapped_type = T;
		using iterator    = typename base::iterator;

		map() = default;
		map(std::initializer_list<std::pair<Key, T>> entries) { this->insert(entries.begin(), entries.end()); }

		T& at(const Key& key) { return found(*this, key); }
		const T& at(const Key& key) const { return found(*this, key); }
		T& operator[](const Key& key) { return try_emplace(key).first->second; }

		template<typename... Args>
		std::pair<iterator, bool> try_emplace(const Key& key, Args&&... args)
		{
			const auto index = this->index_of(key);

			if (index != this->size())
			{
				return { this->at_index(index), false };
			}

			return { this->append(
				         { std::piecewise_construct,
				           std::forward_as_tuple(key),
				           std::forward_as_tuple(std::forward<Args>(args)...) }),
				       true };
		}

		template<typename Value>
		std::pair<iterator, bool> insert_or_assign(const Key& key, Value&& value)
		{
			const auto index = this->index_of(key);

			if (index != this->size())
			{
				this->at_index(index)->second = std::forward<Value>(value);

				return { this->at_index(index), false };
			}

			return try_emplace(key, std::forward<Value>(value));
		}

	private:
		template<typename Map>
		static auto& found(Map& self, const Key& key)
		{
			const auto it = self.find(key);

			if (it == self.end())
			{
				throw std::out_of_range("map has no such key");
			}

			return it->second;
		}
	};

	template<typename Key, typename Hash = hash<Key>, typename KeyEqual = std::equal_to<Key>>
	class set : public detail::table<Key, Key, std::identity, Hash, KeyEqual>
	{
	public:
		set() = default;
		set(std::initializer_list<Key> entries) { this->insert(entries.begin(), entries.end()); }
	};
} // namespace ankerl::unordered_dense

#endif
