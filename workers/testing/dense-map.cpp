// Compares the stand-in for ankerl's map and set with the standard library's, over random operations. Each number is
// an operation's seed; what differs is named on stderr, and ends it with 1.
#include <ankerl/unordered_dense.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>

static unsigned seed;
static int step;

static void require(bool holds, const char* what)
{
	if (!holds)
	{
		std::fprintf(stderr, "%s (seed %u, step %d)\n", what, seed, step);
		std::exit(1);
	}
}

// Many keys of one home bucket, so that runs of them form, wrap around and close again.
struct PoorHash
{
	size_t operator()(uint32_t key) const { return key % 3; }
};

template<typename Map, typename Standard>
static void requireSame(const Map& map, const Standard& standard)
{
	require(map.size() == standard.size() && map.empty() == standard.empty(), "sizes differ");

	for (const auto& [key, value] : standard)
	{
		require(map.contains(key) && map.count(key) == 1 && *map.at(key) == value, "an entry is lost");
	}

	for (const auto& [key, value] : map)
	{
		require(standard.at(key) == *value, "an entry is not the standard's");
	}
}

// Values own memory, so that one moved twice, or not at all, is noticed.
template<typename Key, typename Hash, typename MakeKey>
static void compareMaps(MakeKey makeKey)
{
	std::mt19937 random(seed);
	ankerl::unordered_dense::map<Key, std::unique_ptr<int>, Hash> map;
	std::unordered_map<Key, int> standard;
	const uint32_t keys = 1u << (2 + seed % 8);

	for (step = 0; step < 2000; ++step)
	{
		const Key key   = makeKey(random() % keys);
		const int value = static_cast<int>(random());

		switch (random() % 8)
		{
			case 0:
				require(
				  map.emplace(key, std::make_unique<int>(value)).second == standard.emplace(key, value).second,
				  "emplace");
				break;
			case 1:
				require(
				  map.try_emplace(key, std::make_unique<int>(value)).second ==
				    standard.try_emplace(key, value).second,
				  "try_emplace");
				break;
			case 2:
				map[key]      = std::make_unique<int>(value);
				standard[key] = value;
				break;
			case 3:
				map.insert_or_assign(key, std::make_unique<int>(value));
				standard.insert_or_assign(key, value);
				break;
			case 4:
			case 5:
				require(map.erase(key) == standard.erase(key), "erase of a key");
				break;
			case 6:
			{
				const auto it = map.find(key);
				require((it == map.end()) == (standard.find(key) == standard.end()), "find");

				if (it != map.end())
				{
					require(map.erase(it) == map.begin() + (it - map.begin()), "erase does not return the place");
					standard.erase(key);
				}
				break;
			}
			default:
				// Erasing while going through, as the worker does.
				if (random() % 50 == 0)
				{
					for (auto it = map.begin(); it != map.end();)
					{
						if (*it->second % 2 == 0)
						{
							standard.erase(it->first);
							it = map.erase(it);
						}
						else
						{
							++it;
						}
					}
				}
				else if (random() % 200 == 0)
				{
					map.clear();
					standard.clear();
				}
		}

		if (step % 16 == 0)
		{
			requireSame(map, standard);
		}
	}
}

static void compareSets()
{
	std::mt19937 random(seed);
	ankerl::unordered_dense::set<uint16_t> set;
	std::unordered_set<uint16_t> standard;

	for (step = 0; step < 2000; ++step)
	{
		const auto key = static_cast<uint16_t>(random() % 64);

		require(
		  random() % 2 == 0 ? set.insert(key).second == standard.insert(key).second
		                    : set.erase(key) == standard.erase(key),
		  "insert or erase of a set");
		require(set.size() == standard.size() && set.contains(key) == (standard.count(key) == 1), "set");
	}
}

static size_t comparisons;

struct CountingEqual
{
	bool operator()(uint64_t a, uint64_t b) const
	{
		++comparisons;

		return a == b;
	}
};

// Keys in a row, or that somebody chose who guessed the factor, are not compared with each
// other.
static void requireSpread(const char* what, uint64_t (*makeKey)(uint64_t))
{
	constexpr uint64_t count{ 4096 };
	ankerl::unordered_dense::map<uint64_t, int, ankerl::unordered_dense::hash<uint64_t>, CountingEqual> map;

	comparisons = 0;

	for (uint64_t i{ 0 }; i < count; ++i)
	{
		map.emplace(makeKey(i), 0);
	}

	for (uint64_t i{ 0 }; i < count; ++i)
	{
		map.find(makeKey(i));
	}

	require(comparisons < 3 * count, what);
}

int main()
{
	const auto number = [](uint32_t key) { return key; };
	const auto text   = [](uint32_t key) { return "key " + std::to_string(key); };

	for (seed = 0; seed < 40; ++seed)
	{
		compareMaps<uint32_t, ankerl::unordered_dense::hash<uint32_t>>(number);
		compareMaps<uint32_t, PoorHash>(number);
		compareMaps<std::string, ankerl::unordered_dense::hash<std::string>>(text);
		compareSets();
	}

	requireSpread("keys in a row collide", [](uint64_t i) { return i; });
	// 0x9E37… times its inverse is 1.
	requireSpread("guessed keys collide", [](uint64_t i) { return (i | 0x5A5A000000000000u) * 0xF1DE83E19937733Du; });

	const ankerl::unordered_dense::map<std::string, int> listed = { { "a", 1 }, { "b", 2 } };

	require(listed.at("b") == 2 && listed.find("c") == listed.end(), "a list of entries");

	try
	{
		listed.at("c");
	}
	catch (const std::out_of_range&)
	{
		return 0;
	}

	require(false, "at() of a missing key does not throw");
}
