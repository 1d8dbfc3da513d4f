"""People get the lists that the evaluation gives, alone and in a batch."""

import asyncio

import pytest
import torch


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_a_person_who_says_what_a_simulated_user_says_gets_the_same_lists(guide, name):
    from recloop.live.guide import Answer
    from recloop.simulators.critique_encoder import CritiqueEncoder
    from recloop.simulators.environment import Environment
    from recloop.simulators.rollout import ask

    class Says:
        def critique(self, target, liked):
            return [
                f"more like {one} than {other}" for one, other in zip(target, liked, strict=True)
            ]

    mine = guide(name)
    dim = mine.world.pool.features.shape[1]
    said = CritiqueEncoder(Says(), mine.texts.texts, dim)
    users = Environment(mine.world.pool, said, mine.lists)
    transcript = ask(mine.model, mine.world, users, mine.shown)
    sentences = said.sentences(transcript.sentence)
    for user in range(len(mine.world.requests)):
        moment = mine.begin(user)
        for number in range(mine.lists):
            assert moment.shown.tolist() == transcript.shown[user, number].tolist()
            assert moment.found == bool(transcript.solved[user, number])
            if not moment.found:
                better, tied = transcript.better[user, number], transcript.tied[user, number]
                assert moment.rank == float(better) + (float(tied) + 1) / 2
            if number + 1 < mine.lists:
                place = moment.shown.tolist().index(int(transcript.liked[user, number]))
                words = sentences[user * mine.lists + number]
                (moment,) = mine.turn([Answer(moment, place, words)])


@pytest.mark.parametrize("name", ["gru", "transformer", "gommir", "rocchio"])
def test_people_at_different_turns_get_in_a_batch_what_each_gets_alone(guide, name):
    from recloop.live.guide import Answer

    mine = guide(name)
    moments = [mine.begin(user) for user in range(4)]
    for number in (1, 2, 2):
        moments[number] = mine.turn([Answer(moments[number], 1, "is red")])[0]
    answers = [Answer(one, user % 3, f"has {user} straps") for user, one in enumerate(moments)]
    together, alone = mine.turn(answers), [mine.turn([answer])[0] for answer in answers]
    for one, other in zip(together, alone, strict=True):
        assert (one.shown.tolist(), one.number, one.found) == (
            other.shown.tolist(),
            other.number,
            other.found,
        )
        assert torch.allclose(one.state.query, other.state.query, atol=1e-5)
        assert len(set(one.seen[0].tolist())) == one.seen.shape[1] == 3 * one.number


def test_calls_of_the_same_time_are_one_batch_and_each_hears_of_an_error():
    from recloop.live.together import AT_ONCE, Together

    sizes = []

    def double(some):
        sizes.append(len(some))
        if 13 in some:
            raise ValueError("no luck")
        return [2 * one for one in some]

    async def many(numbers):
        together = Together()
        calls = [together.call(double, one) for one in numbers]
        found = await asyncio.gather(*calls, return_exceptions=True)
        together.close()
        return found

    assert asyncio.run(many(range(100, 200))) == list(range(200, 400, 2))
    assert sizes == [AT_ONCE, 100 - AT_ONCE]
    assert {str(one) for one in asyncio.run(many([1, 13]))} == {"no luck"}
